"""The verdict on a Kafka, case by case, on objects that its real CustomResourceDefinition accepts."""

from __future__ import annotations

from typing import Any

import pytest
from kit.crds import Case, checked

from pulse_operator.dependencies import Endpoint, Missing, endpoint, kafka_verdict

READY = {"type": "Ready", "status": "True"}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
BOOTSTRAP = "events-kafka-bootstrap.kafka.svc:9093"
OPERATORS = {"topicOperator": {}, "userOperator": {}}
SIMPLE = {"type": "simple"}


def live(name: str = "tls", **fields: Any) -> dict[str, Any]:
    return {"name": name, "bootstrapServers": BOOTSTRAP, "certificates": [PEM], **fields}


def status(*conditions: dict[str, Any], observed: int = 3, listeners: list[Any] | None = None) -> dict[str, Any]:
    return {
        "observedGeneration": observed,
        "conditions": list(conditions),
        "listeners": [live()] if listeners is None else listeners,
        "clusterId": "Zk5rGm3vSbC1",
    }


def kafka(
    told: dict[str, Any] | None,
    *,
    operators: dict[str, Any] | None = OPERATORS,
    authorization: dict[str, Any] | None = SIMPLE,
    listener: str = "tls",
    login: bool = True,
) -> dict[str, Any]:
    declared: dict[str, Any] = {
        "name": listener,
        "port": 9093,
        "type": "internal",
        "tls": True,
    }
    if login:
        declared["authentication"] = {"type": "scram-sha-512"}
    spec: dict[str, Any] = {"kafka": {"listeners": [declared]}}
    if authorization:
        spec["kafka"]["authorization"] = authorization
    if operators is not None:
        spec["entityOperator"] = operators
    made = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "Kafka",
        "metadata": {"name": "events", "namespace": "kafka", "generation": 3},
        "spec": spec,
    }
    return checked({**made, "status": told} if told is not None else made)


def not_ready(reason: str, message: str = "") -> dict[str, Any]:
    return {"type": "NotReady", "status": "True", "reason": reason, "message": message}


CASES = [
    Case("ready", kafka(status(READY)), "True", "Ready", ("Kafka kafka/events",)),
    Case(
        "ready with a warning",
        kafka(status({"type": "Warning", "status": "True", "reason": "KafkaStorage", "message": "x"}, READY)),
        "True",
        "Ready",
    ),
    Case("kind not served", Missing.KIND, "False", "CRDMissing", ("Kafka", "kafka.strimzi.io/v1", "Install Strimzi")),
    Case("no such object", Missing.OBJECT, "False", "NotFound", ("kafka/events", "spec.source.strimzi.cluster")),
    Case("may not be read", Missing.RIGHT, "False", "Forbidden", ("namespace kafka", "kafkaNamespaces")),
    Case("not heard of", Missing.ANSWER, "Unknown", "NotRead", ("no answer from the API server",)),
    Case("new, no status", kafka(None), "Unknown", "Pending", ("no status yet",), seconds=5),
    Case("status an empty object", kafka({}), "Unknown", "Pending", seconds=5),
    Case(
        "no status for long", kafka(None), "False", "NotPickedUp", ("more than 180 s", "STRIMZI_NAMESPACE"), seconds=181
    ),
    Case("no main condition yet", kafka(status()), "Unknown", "Pending", ("no Ready condition",)),
    Case(
        "creating",
        kafka(status(not_ready("Creating", "Kafka cluster is being deployed"), listeners=[])),
        "False",
        "Creating",
        ("being deployed", "Wait"),
    ),
    Case(
        "not ready with a reason",
        kafka(status(not_ready("InvalidResourceException", "storage is wrong."))),
        "False",
        "NotReady",
        ("InvalidResourceException: storage is wrong. ",),
    ),
    Case(
        "ready false, which Strimzi does not write of a Kafka",
        kafka(status({"type": "Ready", "status": "False"})),
        "False",
        "NotReady",
        ("no reason given",),
    ),
    Case(
        "edited, not yet acted on",
        kafka(status(READY, observed=2)),
        "Unknown",
        "Progressing",
        ("generation 2 of 3", "status.observedGeneration"),
    ),
    Case("failed before the edit", kafka(status(not_ready("Fatal"), observed=2)), "Unknown", "Progressing"),
    Case(
        "paused",
        kafka(status({"type": "ReconciliationPaused", "status": "True"}, observed=2)),
        "Unknown",
        "ReconciliationPaused",
        ("strimzi.io/pause-reconciliation",),
    ),
    Case(
        "nobody logs in, and nothing is guarded", kafka(status(READY), login=False, authorization=None), "True", "Ready"
    ),
    Case(
        "nobody logs in, yet rights are asked for",
        kafka(status(READY), login=False),
        "False",
        "AuthenticationMissing",
        ("listener tls asks for no login", "authentication: {type: scram-sha-512}"),
    ),
    Case(
        "no entity operator",
        kafka(status(READY), operators=None),
        "False",
        "EntityOperatorMissing",
        ("spec.entityOperator lacks topicOperator and userOperator", "topicOperator: {}, userOperator: {}"),
    ),
    Case(
        "no user operator",
        kafka(status(READY), operators={"topicOperator": {}}),
        "False",
        "EntityOperatorMissing",
        ("lacks userOperator,",),
    ),
    Case(
        "no authorization",
        kafka(status(READY), authorization=None),
        "False",
        "AuthorizationMissing",
        ("spec.kafka.authorization.type is absent", "simple"),
    ),
    Case(
        "other authorization, told before it is ready",
        kafka(status(not_ready("Creating")), authorization={"type": "custom", "authorizerClass": "a.B"}),
        "False",
        "AuthorizationMissing",
        ("is custom",),
    ),
    Case(
        "listener not declared",
        kafka(status(READY), listener="plain"),
        "False",
        "ListenerMissing",
        ("spec.kafka.listeners has no listener tls; it has plain.",),
    ),
    Case(
        "listener not live",
        kafka(status(READY, listeners=[live("plain"), live("ext")])),
        "False",
        "ListenerMissing",
        ("status.listeners has no listener tls; it has ext, plain.", "spec.source.strimzi.listener"),
    ),
    Case("no listener live", kafka(status(READY, listeners=[])), "False", "ListenerMissing", ("it has none.",)),
    Case(
        "listener without an address",
        kafka(status(READY, listeners=[{"name": "tls"}])),
        "False",
        "ListenerPending",
        ("no bootstrapServers for tls",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    verdict = kafka_verdict(case.found, "kafka", "events", "tls", case.seconds)
    assert (verdict.status.value, verdict.reason.value) == (case.status, case.reason), verdict.message
    for words in ("Kafka kafka/events", *case.says):
        assert words in verdict.message


def test_how_clients_reach_a_listener() -> None:
    assert endpoint(kafka(status(READY)), "tls") == Endpoint(
        bootstrap_servers=BOOTSTRAP,
        tls=True,
        authentication="scram-sha-512",
        certificates=(PEM,),
        cluster_id="Zk5rGm3vSbC1",
    )


@pytest.mark.parametrize("told", [None, status(READY, listeners=[]), status(READY, listeners=[{"name": "tls"}])])
def test_a_listener_without_an_address_has_no_endpoint(told: dict[str, Any] | None) -> None:
    assert endpoint(kafka(told), "tls") is None


def test_a_listener_that_lives_on_after_it_left_the_spec_has_no_endpoint() -> None:
    assert endpoint(kafka(status(READY), listener="plain"), "tls") is None
