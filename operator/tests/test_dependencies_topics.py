"""The verdict on a KafkaTopic, case by case, on objects that its real CustomResourceDefinition accepts."""

from __future__ import annotations

from typing import Any

import pytest
from kit.crds import Case, checked

from pulse_operator.dependencies import Missing, WantedTopic, topic_verdict

READY = {"type": "Ready", "status": "True"}
CONFIG = {"message.timestamp.type": "LogAppendTime", "retention.ms": 604800000, "preallocate": False}
WANTED = WantedTopic(partitions=6, config=CONFIG)
OURS = {"strimzi.io/cluster": "events"}


def topic(
    *conditions: dict[str, Any],
    observed: int = 2,
    labels: dict[str, str] | None = None,
    told: bool = True,
    **spec: Any,
) -> dict[str, Any]:
    made = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {
            "name": "shop-events",
            "namespace": "kafka",
            "generation": 2,
            "labels": OURS if labels is None else labels,
        },
        "spec": {"partitions": 6, "config": {**CONFIG, "segment.bytes": 1048576}, **spec},
    }
    status = {"observedGeneration": observed, "conditions": list(conditions), "topicName": "shop-events"}
    return checked({**made, "status": status} if told else made)


def refusal(reason: str, message: str, *, kind: str = "Ready", status: str = "False") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


CASES = [
    Case("ready", topic(READY), "True", "Ready"),
    Case(
        "ready, the same values as texts",
        topic(
            READY,
            config={"message.timestamp.type": "LogAppendTime", "retention.ms": "604800000", "preallocate": "false"},
        ),
        "True",
        "Ready",
    ),
    Case("kind not served", Missing.KIND, "False", "CRDMissing", ("kafka.strimzi.io/v1",)),
    Case("no such object", Missing.OBJECT, "False", "NotFound", ("Pulse makes it",)),
    Case("may not be read", Missing.RIGHT, "False", "Forbidden", ("namespace kafka",)),
    Case("not heard of", Missing.ANSWER, "Unknown", "NotRead"),
    Case("new, no status", topic(told=False), "Unknown", "Pending", seconds=5),
    Case(
        "no status for long", topic(told=False), "False", "NotPickedUp", ("180 s", "topic operator runs"), seconds=180
    ),
    Case("no main condition yet", topic(), "Unknown", "Pending"),
    Case(
        "without the label of its cluster",
        topic(told=False, labels={}),
        "False",
        "WrongClusterLabel",
        ("strimzi.io/cluster", "is absent", "Set the label to events"),
    ),
    Case(
        "ready once, then labelled for another cluster",
        topic(READY, labels={"strimzi.io/cluster": "other"}),
        "False",
        "WrongClusterLabel",
        ("is other",),
    ),
    Case("edited, not yet acted on", topic(READY, observed=1), "Unknown", "Progressing", ("generation 1 of 2",)),
    Case(
        "owned by an older KafkaTopic",
        topic(refusal("ResourceConflict", "Managed by Ref{namespace='kafka', name='old'}")),
        "False",
        "TopicOwnedByOther",
        ("name='old'", "delete that one"),
    ),
    Case(
        "a change that Kafka cannot make",
        topic(refusal("NotSupported", "Decreasing partitions not supported")),
        "False",
        "ChangeNotSupported",
        ("Decreasing partitions", "set the field back"),
    ),
    Case(
        "an error of Kafka",
        topic(refusal("KafkaError", "InvalidReplicationFactorException")),
        "False",
        "NotReady",
        ("KafkaError: InvalidReplicationFactorException",),
    ),
    Case(
        "not ready in the form that the manual shows",
        topic(refusal("ResourceConflict", "taken", kind="NotReady", status="True")),
        "False",
        "TopicOwnedByOther",
    ),
    Case(
        "not managed",
        topic({"type": "Unmanaged", "status": "True"}, observed=1),
        "Unknown",
        "Unmanaged",
        ("strimzi.io/managed",),
    ),
    Case(
        "paused",
        topic({"type": "ReconciliationPaused", "status": "True"}, observed=1),
        "Unknown",
        "ReconciliationPaused",
        ("strimzi.io/pause-reconciliation",),
    ),
    Case(
        "fewer partitions than wanted",
        topic(READY, partitions=3),
        "False",
        "PartitionsDiffer",
        ("spec.partitions is 3", "wants 6", "sets it again"),
    ),
    Case(
        "more partitions than wanted",
        topic(READY, partitions=12),
        "False",
        "PartitionsDiffer",
        ("raise spec.source.strimzi.partitions",),
    ),
    Case(
        "another timestamp type",
        topic(READY, config={**CONFIG, "message.timestamp.type": "CreateTime"}),
        "False",
        "ConfigDiffers",
        ("message.timestamp.type is CreateTime instead of LogAppendTime.",),
    ),
    Case(
        "two settings absent",
        topic(READY, config={"message.timestamp.type": "LogAppendTime"}),
        "False",
        "ConfigDiffers",
        ("preallocate is absent instead of false; retention.ms is absent instead of 604800000.",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case) -> None:
    verdict = topic_verdict(case.found, "kafka", "shop-events", "events", WANTED, case.seconds)
    assert (verdict.status.value, verdict.reason.value) == (case.status, case.reason), verdict.message
    for words in ("KafkaTopic kafka/shop-events", *case.says):
        assert words in verdict.message


def test_a_topic_without_a_number_of_partitions_is_not_as_wanted() -> None:
    found = topic(READY)
    del found["spec"]["partitions"]
    verdict = topic_verdict(checked(found), "kafka", "shop-events", "events", WANTED, 0)
    assert verdict.reason.value == "PartitionsDiffer"
    assert "spec.partitions is absent" in verdict.message
