"""A file is refused by the rules and sentences of the API server: both judge the same specs; every rule is broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from apiserver import ApiServer

from pulse_operator.cli.judge import mistakes
from pulse_operator.crd import definition

PATH = "/apis/pulse.dev/v1alpha1/namespaces/default/pulsepipelines?dryRun=All&fieldValidation=Strict"
KAFKA: dict[str, Any] = {"bootstrapServers": "kafka:9092", "topic": "events", "dlqTopic": "dlq"}
DSN: dict[str, Any] = {"secretRef": {"name": "s"}}
SASL = {"mechanism": "PLAIN", "secretRef": {"name": "s"}}


class Case(NamedTuple):
    """A pipeline, and the rule that it breaks, if it breaks any."""

    parts: dict[str, Any]
    rule: str = ""
    name: str = "shop"

    def raw(self) -> dict[str, Any]:
        smallest = {"source": {"strimzi": {"cluster": "kafka"}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}}
        return {
            "apiVersion": "pulse.dev/v1alpha1",
            "kind": "PulsePipeline",
            "metadata": {"name": self.name},
            "spec": {**smallest, **self.parts},
        }


def kafka(**words: Any) -> dict[str, Any]:
    return {"source": {"external": {**KAFKA, **words}}}


def scaling(**words: Any) -> dict[str, Any]:
    return {"consumer": {"scaling": words}}


def collector(**words: Any) -> dict[str, Any]:
    return {"collector": words}


NAME = "metadata.name must not be or begin with pg or cnpg"
ONE_SOURCE, ONE_SINK = "set exactly one of strimzi and external", "set exactly one of cloudNativePG and external"
LOG_IN = "a SASL protocol needs mechanism and secretRef"
PREFIX = "rolePrefix must not be pg or cnpg, nor begin with pg_ or cnpg_"
LINGER = "linger must be longer than 0 and at most 60s"
DRAIN = "targetDrainTime must be longer than 0 and at most 8760h"
DOWN = "scaleDownDelay must be longer than 0 and at most 24h"
GAP = "sessionGap must be longer than 0 and at most 24h"
LATE = "lateAfter must be longer than 0 and at most 8760h"
IDLE = "consumer.scaling.max must not be larger than source.strimzi.partitions: further consumers would idle"


def live(**words: Any) -> dict[str, Any]:
    return {"dashboard": {"live": words}}


def metabase(**words: Any) -> dict[str, Any]:
    return {"dashboard": {"metabase": words}}


NO_PROXY = "auth proxy needs allowFrom, the namespace of the proxy"
NO_CPU = "resources need an amount of cpu: the number of collectors follows its use"

BROKEN = [
    *(Case({}, NAME, name) for name in ("pg", "cnpg", "pg-shop", "cnpg-shop")),
    Case({"source": {}}, ONE_SOURCE),
    Case({"source": {"strimzi": {"cluster": "kafka"}, "external": KAFKA}}, ONE_SOURCE),
    Case({"sink": {}}, ONE_SINK),
    Case({"sink": {"cloudNativePG": {"cluster": "postgres"}, "external": DSN}}, ONE_SINK),
    Case(kafka(dlqTopic="events"), "dlqTopic must be another topic than topic"),
    Case(kafka(auth={}), LOG_IN),
    Case(kafka(auth={"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN"}), LOG_IN),
    Case(kafka(auth={"secretRef": {"name": "s"}}), LOG_IN),
    *(Case({"sink": {"external": {**DSN, "rolePrefix": name}}}, PREFIX) for name in ("pg", "cnpg", "pg_x", "cnpg_x")),
    *(
        Case({"consumer": {"batch": {"linger": text}}}, LINGER)
        for text in ("0s", "0h0m", "60001ms", "1h", "99999999999h")
    ),
    Case(scaling(min=4), "min must not be larger than max"),
    Case(scaling(min=2, max=1), "min must not be larger than max"),
    *(Case(scaling(targetDrainTime=text), DRAIN) for text in ("0m", "8761h", "9999999h")),
    *(Case(scaling(scaleDownDelay=text), DOWN) for text in ("0m", "25h", "9999999h")),
    *(Case({"transform": {"sessionGap": text}}, GAP) for text in ("0ms", "24h1ms", "25h", "86401s")),
    *(Case({"transform": {"lateAfter": text}}, LATE) for text in ("0s", "8760h1s", "9999999h")),
    Case(collector(scaling={"min": 5}), "min must not be larger than max"),
    Case(collector(scaling={"min": 3, "max": 2}), "min must not be larger than max"),
    Case(collector(limits={"eventBytes": 2048, "unpackedBytes": 1024}), "eventBytes must not be larger than unpackedB"),
    Case(collector(limits={"requestBytes": 1_048_577, "heldBytes": 1_048_576}), "requestBytes must not be larger than"),
    Case(collector(cookie={"domain": "shop.example"}), "domain needs a kind other than None"),
    Case(collector(resources={"requests": {"memory": "64Mi"}}), NO_CPU),
    Case(collector(resources={"requests": {}, "limits": {"memory": "1Gi"}}), NO_CPU),
    Case(live(auth="proxy"), NO_PROXY),
    Case(live(enabled=True, auth="proxy", allowFrom=[]), NO_PROXY),
    Case(scaling(max=7), IDLE),
    Case({"source": {"strimzi": {"cluster": "kafka", "partitions": 2}}}, IDLE),
]
GOOD = [
    Case({}),
    Case({}, name="pgx"),
    Case({}, name="a" * 40),
    Case({"transform": None, "simulator": {"users": None}}),
    Case(kafka()),
    Case(kafka(auth={"protocol": "SSL"})),
    Case(kafka(auth=SASL)),
    Case({**kafka(), **scaling(max=1000)}),
    Case({"sink": {"external": {**DSN, "rolePrefix": "pgx"}}}),
    Case({"consumer": {"batch": {"linger": "60s"}}}),
    Case({"consumer": {"batch": {"linger": "59s1000ms"}}}),
    Case(scaling(min=3, max=3, targetDrainTime="8760h", scaleDownDelay="24h")),
    Case(scaling(min=0, max=6)),
    Case(collector()),
    Case(collector(enabled=True, origins=["https://a.example", "http://[::1]:80"], writeKeys={"name": "keys"})),
    Case(collector(scaling={"min": 4, "max": 4}, proxies=0, rate={"eventsPerSecond": 0})),
    Case(collector(limits={"requestBytes": 1_048_576, "heldBytes": 1_048_576, "eventBytes": 1024})),
    Case(collector(resources={"requests": {}, "limits": {"cpu": "1"}})),
    Case(collector(cookie={"kind": "Readable", "domain": "shop.example"})),
    Case(collector(cookie={"kind": "HttpOnly"})),
    Case(collector(ingress={"host": "a.example", "annotations": [{"name": "a/b", "value": ""}, {"name": "c"}]})),
    Case(live(enabled=True, auth="proxy", allowFrom=["login"], basePath="/a/b.c", replicas=10)),
    Case(live(ingress={"host": "a.example", "className": "nginx", "tlsSecret": "tls"}, basePath="")),
    Case(metabase(enabled=True, image="registry.example.com:5000/metabase/metabase:v0.60.1", edited="overwrite")),
    Case(metabase(image=f"metabase@sha256:{'0' * 64}", siteUrl="https://bi.example.com/a", adminEmail="a.b@c.example")),
    Case({"transform": {"sessionGap": "24h", "lateAfter": "1ms", "schedule": "@hourly", "timeZone": "Europe/Zurich"}}),
]
# What the schema alone refuses: the same field is named, each in its own words.
WRONG = [
    ({"suspend": "yes"}, "spec.suspend"),
    ({"suspend": None, "deletionPolicy": "Keep"}, "spec.deletionPolicy"),
    ({"source": {"strimzi": {"cluster": "kafka\n"}}}, "spec.source.strimzi.cluster"),
    ({"source": {"strimzi": {"cluster": None}}}, "spec.source.strimzi.cluster"),
    ({"source": None}, "spec.source"),
    ({"sink": []}, "spec.sink"),
    ({"simulator": {"users": 0}}, "spec.simulator.users"),
    ({"simulator": {"users": 1.5}}, "spec.simulator.users"),
    ({"simulator": {"rate": 5}}, "spec.simulator.rate"),
    ({"transform": {"schedule": "every day"}}, "spec.transform.schedule"),
    ({"maintenance": {"schedule": "every day"}}, "spec.maintenance.schedule"),
    ({"sink": {"cloudNativePG": {"cluster": "postgres"}, "retention": "12h"}}, "spec.sink.retention"),
    (
        {"sink": {"cloudNativePG": {"cluster": "postgres"}, "deadLetterRetention": "1h"}},
        "spec.sink.deadLetterRetention",
    ),
    ({"transform": {"lateAfter": "5"}}, "spec.transform.lateAfter"),
    ({"transform": {"timeZone": "x" * 65}}, "spec.transform.timeZone"),
    (collector(origins=["https://a.example", "*"]), "spec.collector.origins[1]"),
    (collector(origins=["https://a.example/path"]), "spec.collector.origins[0]"),
    (collector(origins=["https://a.example"] * 2), "spec.collector.origins[1]"),
    (collector(origins=[f"https://{number}" for number in range(101)]), "spec.collector.origins"),
    (collector(origins="https://a.example"), "spec.collector.origins"),
    (collector(address="Keep"), "spec.collector.address"),
    (collector(cookie={"kind": "Readable", "domain": "Shop"}), "spec.collector.cookie.domain"),
    (collector(proxies=11), "spec.collector.proxies"),
    (collector(scaling={"min": 0}), "spec.collector.scaling.min"),
    (collector(ingress={}), "spec.collector.ingress.host"),
    (collector(writeKeys={}), "spec.collector.writeKeys.name"),
    (live(basePath="numbers"), "spec.dashboard.live.basePath"),
    (live(basePath="/numbers/"), "spec.dashboard.live.basePath"),
    (live(replicas=0), "spec.dashboard.live.replicas"),
    (live(auth="none"), "spec.dashboard.live.auth"),
    (live(allowFrom=["a", "a"]), "spec.dashboard.live.allowFrom[1]"),
    (live(allowFrom=["A"]), "spec.dashboard.live.allowFrom[0]"),
    (live(allowFrom=[f"n{number}" for number in range(17)]), "spec.dashboard.live.allowFrom"),
    (
        live(ingress={"host": "a.example", "annotations": [{"name": "a"}] * 2}),
        "spec.dashboard.live.ingress.annotations[1]",
    ),
    (metabase(edited="ask"), "spec.dashboard.metabase.edited"),
    (metabase(siteUrl="bi.example.com"), "spec.dashboard.metabase.siteUrl"),
    (metabase(image="Metabase"), "spec.dashboard.metabase.image"),
    (metabase(adminEmail="admin"), "spec.dashboard.metabase.adminEmail"),
    (kafka(bootstrapServers="kafka"), "spec.source.external.bootstrapServers"),
    (kafka(topic=2026), "spec.source.external.topic"),
]


def served(server: ApiServer, case: Case) -> tuple[bool, str]:
    """Whether the API server would store it, and what it says if not."""
    status, answer = server.call("POST", PATH, case.raw())
    assert status in (201, 400, 422), answer
    return status == 201, str(answer.get("message", ""))


def sentences(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every rule of the definition with its sentence."""
    yield from ((one["rule"], one["message"]) for one in schema.get("x-kubernetes-validations", ()))
    for inner in schema.get("properties", {}).values():
        yield from sentences(inner)


def title(case: Case) -> str:
    return f"{case.name} {case.parts}"[:80]


@pytest.mark.parametrize("case", BROKEN, ids=title)
def test_a_broken_rule_is_told_by_both_with_one_sentence(strimzi_and_cnpg: ApiServer, case: Case) -> None:
    taken, said = served(strimzi_and_cnpg, case)
    assert (taken, case.rule in said) == (False, True), said
    (found,) = mistakes(case.raw())
    assert found.message in said
    assert found.message.startswith(case.rule)


@pytest.mark.parametrize("case", GOOD, ids=title)
def test_what_is_good_is_taken_by_both(strimzi_and_cnpg: ApiServer, case: Case) -> None:
    assert served(strimzi_and_cnpg, case) == (True, "")
    assert mistakes(case.raw()) == []


@pytest.mark.parametrize(("parts", "field"), WRONG, ids=str)
def test_what_the_schema_refuses_names_the_same_field(
    strimzi_and_cnpg: ApiServer, parts: dict[str, Any], field: str
) -> None:
    case = Case(parts)
    taken, said = served(strimzi_and_cnpg, case)
    assert (taken, field in said) == (False, True), said
    (found,) = mistakes(case.raw())
    assert ".".join(found.path) == field


def test_every_rule_is_broken_here_but_those_about_the_stored_object() -> None:
    root = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    due = {message for rule, message in sentences(root) if "oldSelf" not in rule}
    assert {next((one for one in due if one.startswith(case.rule)), case.rule) for case in BROKEN} == due
