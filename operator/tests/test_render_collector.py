"""What a pipeline with collectors is made of, and how that answers to a change of what goes in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from kit import golden
from kit.golden import Golden

from pulse.env import duration
from pulse.settings import CollectorSettings
from pulse.spec import PipelineSpec
from pulse_operator import objects
from pulse_operator.objects import Manifest, Ref
from pulse_operator.render import Rendered

CASE = golden.case("collector")
NAME = "shop-collector"
ALL_OF_IT = {
    *("Deployment", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PodDisruptionBudget", "Secret", "Service"),
}


def only(rendered: Rendered, kind: str, name: str = NAME) -> Manifest:
    (found,) = [made for made in rendered.manifests if (made["kind"], made["metadata"]["name"]) == (kind, name)]
    return found


def mine(rendered: Rendered) -> list[Manifest]:
    return [made for made in rendered.manifests if made["metadata"]["labels"][objects.COMPONENT_LABEL] == "collector"]


def with_facts(**facts: Any) -> Rendered:
    return replace(CASE, facts=replace(CASE.facts, **facts)).rendered


def with_collector(case: Golden = CASE, **parts: Any) -> Rendered:
    collector = {**case.pipeline["spec"]["collector"], **parts}
    spec = msgspec.convert({**case.pipeline["spec"], "collector": collector}, PipelineSpec)
    return replace(case, spec=spec).rendered


def container(rendered: Rendered) -> dict[str, Any]:
    (found,) = only(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def told(rendered: Rendered, name: str) -> str:
    (found,) = [one["value"] for one in container(rendered)["env"] if one["name"] == name]
    return str(found)


def fingerprint(rendered: Rendered) -> str:
    template = only(rendered, "Deployment")["spec"]["template"]
    return str(template["metadata"]["annotations"]["pulse.dev/credentials"])


def test_all_that_it_is_made_of_is_there() -> None:
    assert {made["kind"] for made in mine(CASE.rendered)} == ALL_OF_IT
    assert {made["metadata"]["name"] for made in mine(CASE.rendered)} == {NAME, f"{NAME}-env", f"{NAME}-keys"}


def test_switched_off_it_leaves_nothing_and_waits_for_nothing() -> None:
    rendered = with_collector(enabled=False)
    assert mine(rendered) == []
    assert [ref for ref in rendered.withheld if "collector" in ref.name] == []


def test_an_autoscaler_keeps_its_number_and_nobody_else_writes_it() -> None:
    rendered = with_collector(scaling={"min": 3, "max": 7, "targetCpuPercent": 60})
    assert "replicas" not in only(rendered, "Deployment")["spec"]
    spec = only(rendered, "HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 7)
    (metric,) = spec["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
    assert container(rendered)["resources"]["requests"]["cpu"], "of which it is a share"


def test_a_suspended_pipeline_goes_on_taking_events() -> None:
    suspended = replace(CASE, decision=replace(CASE.decision, replicas=0, suspended=True)).rendered
    assert mine(suspended) == mine(CASE.rendered)


def test_it_waits_for_no_database() -> None:
    rendered = with_facts(migrated=False, databases={}, passwords={})
    assert mine(rendered) == mine(CASE.rendered)


@pytest.mark.parametrize("facts", [{"kafka": {}}, {"write_keys": {}}, {"topics_made": False}])
def test_what_it_lacks_withholds_its_pods_and_takes_none_away(facts: dict[str, Any]) -> None:
    rendered = with_facts(**facts)
    withheld = {ref.kind.name for ref in rendered.withheld if "collector" in ref.name}
    assert withheld >= {"Deployment", "HorizontalPodAutoscaler"}
    assert withheld | {made["kind"] for made in mine(rendered)} == ALL_OF_IT


def test_while_no_key_is_known_the_secret_with_the_keys_is_left_alone() -> None:
    assert Ref(objects.SECRET, "collector", f"{NAME}-keys") in with_facts(write_keys={}).withheld


def test_of_the_keys_only_the_one_that_pulse_made_is_written() -> None:
    assert set(only(CASE.rendered, "Secret", f"{NAME}-keys")["data"]) == {"web"}
    supplied = with_collector(writeKeys={"name": "mine"})
    assert {made["metadata"]["name"] for made in mine(supplied) if made["kind"] == "Secret"} == {f"{NAME}-env"}


def test_another_key_or_password_rolls_the_pods() -> None:
    changed = with_facts(write_keys={**CASE.facts.write_keys, "app": "another-key-of-the-app"})
    access = replace(CASE.facts.kafka["producer"], password="another")
    rotated = with_facts(kafka={**CASE.facts.kafka, "producer": access})
    assert len({fingerprint(CASE.rendered), fingerprint(changed), fingerprint(rotated)}) == 3


def test_other_origins_roll_the_pods() -> None:
    other = with_collector(origins=["https://other.example"])
    assert told(other, "PULSE_COLLECTOR_ORIGINS") == "https://other.example"
    assert only(other, "Deployment") != only(CASE.rendered, "Deployment")
    assert [made for made in mine(other) if made["kind"] != "Deployment"] == [
        made for made in mine(CASE.rendered) if made["kind"] != "Deployment"
    ]


@pytest.mark.parametrize(
    ("parts", "proxies"), [({}, "1"), ({"ingress": msgspec.UNSET}, "0"), ({"proxies": 2}, "2"), ({"proxies": 0}, "0")]
)
def test_an_ingress_is_a_proxy_unless_it_is_said_how_many_there_are(parts: dict[str, Any], proxies: str) -> None:
    collector = {**CASE.pipeline["spec"]["collector"], **parts}
    given = {name: value for name, value in collector.items() if value is not msgspec.UNSET}
    spec = msgspec.convert({**CASE.pipeline["spec"], "collector": given}, PipelineSpec)
    assert told(replace(CASE, spec=spec).rendered, "PULSE_COLLECTOR_PROXIES") == proxies


def test_a_pod_has_the_time_that_its_drain_takes() -> None:
    pod = only(CASE.rendered, "Deployment")["spec"]["template"]["spec"]
    takes = duration(told(CASE.rendered, "PULSE_COLLECTOR_STOP_DELAY"))
    for setting in ("SHUTDOWN_GRACE", "ACK_TIMEOUT"):  # requests in flight, then what Kafka was not yet asked
        takes += duration(told(CASE.rendered, f"PULSE_COLLECTOR_{setting}"))
    assert takes.total_seconds() >= 10 + CollectorSettings.from_env(REQUIRED).shutdown_grace.total_seconds()
    assert pod["terminationGracePeriodSeconds"] >= takes.total_seconds() + 5


REQUIRED = {"PULSE_KAFKA_BOOTSTRAP_SERVERS": "b:9092", "PULSE_EVENTS_TOPIC": "events"}


def test_requests_reach_it_by_its_service_and_from_everywhere() -> None:
    ports = {port["name"]: port["containerPort"] for port in container(CASE.rendered)["ports"]}
    assert ports == {"http": int(told(CASE.rendered, "PULSE_COLLECTOR_PORT")), "health": 8080}
    service = {port["name"]: port for port in only(CASE.rendered, "Service")["spec"]["ports"]}
    assert (service["http"]["port"], service["http"]["targetPort"]) == (80, "http")
    (rule,) = only(CASE.rendered, "NetworkPolicy")["spec"]["ingress"]
    assert rule == {"ports": [{"port": port, "protocol": "TCP"} for port in ports.values()]}


def test_an_ingress_leads_to_the_protocol_alone() -> None:
    made = only(CASE.rendered, "Ingress")
    assert made["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    (rule,) = made["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"]) == ("collect.shop.example", "/v1")
    assert path["backend"]["service"] == {"name": NAME, "port": {"name": "http"}}


def test_prometheus_is_told_of_it() -> None:
    rendered = with_facts(optional_kinds=frozenset({"podmonitors"}))
    monitor = only(rendered, "PodMonitor")["spec"]
    pod = only(rendered, "Deployment")["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert [one["port"] for one in monitor["podMetricsEndpoints"]] == ["health"]
