"""ConsumerAvailable, LagKnown and ScalingLimited, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kit.evidence import AT, CONSUMER, KAFKA, READING, SPEC, STEADY, ConditionCase, looked, there

from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import false
from pulse_operator.readings import Reading
from pulse_operator.scaling import Limit, PartitionOffsets
from pulse_operator.timestamps import text_of

SUSPENDED = {**SPEC, "suspend": True}


def told(**status: int) -> Any:
    return looked(status={CONSUMER: status})


def waiting(name: str, reason: str, message: str, made: str = "2026-03-01T12:00:00Z") -> dict[str, Any]:
    """A pod whose container does not start."""
    states = [{"state": {"waiting": {"reason": reason, "message": message}}}]
    return {"metadata": {"name": name, "creationTimestamp": made}, "status": {"containerStatuses": states}}


def none_ready(*pods: dict[str, Any]) -> Any:
    return looked(status={CONSUMER: {"readyReplicas": 0}}, pods={CONSUMER: pods})


def just_made() -> Any:
    deployment = there(CONSUMER)
    metadata = {**deployment["metadata"], "creationTimestamp": text_of(AT - 5)}
    return looked(put={CONSUMER: {**deployment, "metadata": metadata, "status": {"replicas": 2}}})


def at_rest(least: int = 0, **words: Any) -> Any:
    deployment = there(CONSUMER)
    spec = {**SPEC, "consumer": {"scaling": {"min": least}}}
    return looked(spec, **words, put={CONSUMER: {**deployment, "spec": {**deployment["spec"], "replicas": 0}}})


def measured(**committed: int | None) -> Any:
    """A reading of partitions p0, p1, … with these commits."""
    offsets = {int(name[1:]): PartitionOffsets(0, 1_000, number) for name, number in committed.items()}
    return looked(reading=Reading(AT, offsets))


def unread(kind: str) -> Any:
    return looked(reading=Reading(AT, problem="Kafka at b:9096 says no.", problem_kind=kind))


def limited(limit: Limit) -> Any:
    return looked(decision=replace(STEADY, message="2 -> 2: lag 900,000 asks for 9", limited_by=limit))


def available(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "ConsumerAvailable", status, reason, (str(CONSUMER), *says))


def lag(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "LagKnown", status, reason, says)


def scaling(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "ScalingLimited", status, reason, says)


PULL = waiting("shop-consumer-a", "ImagePullBackOff", "no such image")
CASES = [
    available("all pods ready", looked(), "True", "Available", "2 of 2"),
    available("one pod not ready", told(readyReplicas=1), "True", "Rolling", "1 of 2 pods ready, 2 of them new."),
    available("one pod old", told(updatedReplicas=1), "True", "Rolling", "2 of 2 pods ready, 1 of them new; 1 old"),
    available("new pods beside old ones", told(replicas=4, updatedReplicas=2), "True", "Rolling", "; 2 old beside"),
    available("an edit not yet acted on", told(observedGeneration=0), "True", "Rolling"),
    available(
        "one pod not ready, and why",
        looked(status={CONSUMER: {"readyReplicas": 1}}, pods={CONSUMER: [PULL]}),
        *("True", "Rolling", "of them new. Pod shop-consumer-a: ImagePullBackOff: no such image"),
    ),
    available("no pod ready", none_ready(), "False", "Unavailable", "none of its pods is ready. Look at its pods."),
    available("the first pods start", just_made(), "Unknown", "Pending", "is new, and its pods start"),
    available(
        "no pod ready, in the words of a pod",
        none_ready(PULL),
        *("False", "Unavailable", "Pod shop-consumer-a: ImagePullBackOff: no such image. Look"),
    ),
    available("no replica, as nothing is to be read", at_rest(), "True", "AtRest", "scaling.min is 0"),
    available("left without replicas by a suspension", at_rest(1), "Unknown", "Pending", "is about to be started"),
    available(
        "waiting for an earlier condition",
        looked(put={CONSUMER: Missing.OBJECT, KAFKA: Missing.OBJECT}),
        *("False", "Blocked", "waits for KafkaReady (NotFound)"),
    ),
    available("about to be made", looked(put={CONSUMER: Missing.OBJECT}), "Unknown", "Pending"),
    available(
        "there, whatever an earlier condition says", looked(put={KAFKA: Missing.OBJECT}), "True", "Available", "2 of 2"
    ),
    available("suspended, pods gone", looked(SUSPENDED), "False", "Suspended", "its pods are gone", "spec.suspend"),
    available(
        "suspended, pods at their last batch",
        looked(SUSPENDED, status={CONSUMER: {"replicas": 2}}),
        *("False", "Suspended", "2 of its pods still finish"),
    ),
    available(
        "a Deployment that was refused",
        looked(refusals={CONSUMER: false(Reason.REFUSED, f"{CONSUMER}: exceeded quota.")}),
        *("False", "Refused", "exceeded quota"),
    ),
    available(
        "a Deployment of somebody else's",
        looked(refusals={CONSUMER: false(Reason.OWNED_BY_OTHER, f"{CONSUMER} is not this pipeline's.")}),
        *("False", "OwnedByOther"),
    ),
    lag("told", looked(), "True", "Known", "6 partitions"),
    lag("not asked", looked(reading=None), "Unknown", "Pending"),
    lag("no answer", unread("TimedOut"), "Unknown", "QueryFailed", "replicas stay", "Kafka at b:9096 says no."),
    lag("no right", unread("Denied"), "Unknown", "AccessDenied", "replicas stay", "Kafka at b:9096 says no."),
    lag("no commit", measured(p3=None, p0=5, p1=None), "True", "NothingCommitted", "partition 1, 3 yet"),
    lag(
        "no commit in many partitions",
        measured(**{f"p{number}": None for number in range(12)}),
        *("True", "NothingCommitted", "partition 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more yet"),
    ),
    scaling("nothing decided", looked(decision=None), "Unknown", "Pending"),
    scaling("as many as asked for", looked(), "False", "NotLimited"),
    scaling("partitions", limited(Limit.PARTITION_COUNT), "True", "PartitionCount", "asks for 9. Give the topic more"),
    scaling("the maximum", limited(Limit.MAXIMUM), "True", "Maximum", "asks for 9. Raise spec.consumer.scaling.max"),
    scaling(
        "no effect", limited(Limit.INEFFECTIVE_SCALE_UP), "True", "IneffectiveScaleUp", "look at what the database"
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()


def test_the_reading_of_these_tests_is_one_of_commits() -> None:
    assert READING.lag == 1_200
