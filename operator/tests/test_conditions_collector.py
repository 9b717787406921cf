"""CollectorAvailable, case by case."""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import AT, EVENTS, OURS, SPEC, ConditionCase, looked, pipeline, there

from pulse_operator import objects
from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import false
from pulse_operator.objects import Ref
from pulse_operator.timestamps import text_of
from pulse_operator.wants import wants

COLLECTS: dict[str, Any] = {**SPEC, "collector": {"enabled": True, "origins": ["https://shop.example"]}}
FOUND = wants(pipeline(COLLECTS)).collector
assert FOUND
assert OURS.database
COLLECTOR: Ref = FOUND
INGRESS = Ref(objects.INGRESS, COLLECTOR.namespace, COLLECTOR.name)


def collects(**words: Any) -> Any:
    """A pipeline with a collector and nothing amiss, but for this."""
    return looked(COLLECTS, **words)


def told(**status: int) -> Any:
    return collects(status={COLLECTOR: status})


def just_made() -> Any:
    deployment = there(COLLECTOR, COLLECTS)
    metadata = {**deployment["metadata"], "creationTimestamp": text_of(AT - 5)}
    return collects(put={COLLECTOR: {**deployment, "metadata": metadata, "status": {"replicas": 1}}})


def crashed() -> dict[str, Any]:
    ended = {"terminated": {"exitCode": 3, "message": "Kafka has no topic shop-events"}}
    return {
        "metadata": {"name": "shop-collector-a", "creationTimestamp": "2026-03-01T12:00:00Z"},
        "status": {"containerStatuses": [{"state": ended}]},
    }


def case(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "CollectorAvailable", status, reason, says)


CASES = [
    case("nobody asks for one", looked(), "True", "NotEnabled", "spec.collector.enabled"),
    case("all pods ready", collects(), "True", "Available", str(COLLECTOR), "1 of 1"),
    case("no pod ready yet of a new version", told(replicas=2, updatedReplicas=1), "True", "Rolling", "1 old beside"),
    case(
        "no pod ready, in the words of a pod",
        collects(status={COLLECTOR: {"readyReplicas": 0}}, pods={COLLECTOR: [crashed()]}),
        *("False", "Unavailable", "Pod shop-collector-a ended with code 3: Kafka has no topic shop-events"),
    ),
    case("the first pods start", just_made(), "Unknown", "Pending", "is new, and its pods start"),
    case("about to be made", collects(put={COLLECTOR: Missing.OBJECT}), "Unknown", "Pending", "about to be made"),
    case(
        "waiting for an earlier condition",
        collects(put={COLLECTOR: Missing.OBJECT, EVENTS: Missing.OBJECT}),
        *("False", "Blocked", "waits for TopicsReady (NotFound)"),
    ),
    case(
        "of a database it knows nothing",
        collects(put={COLLECTOR: Missing.OBJECT, OURS.database: Missing.OBJECT}),
        *("Unknown", "Pending", "about to be made"),
    ),
    case(
        "an Ingress that was refused",
        collects(refusals={INGRESS: false(Reason.REFUSED, f"{INGRESS}: host is taken.")}),
        *("False", "Refused", "host is taken"),
    ),
    case(
        "a Deployment of somebody else's",
        collects(refusals={COLLECTOR: false(Reason.OWNED_BY_OTHER, f"{COLLECTOR} is not this pipeline's.")}),
        *("False", "OwnedByOther"),
    ),
    case("there while the pipeline is suspended", looked({**COLLECTS, "suspend": True}), "True", "Available", "1 of 1"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()


def test_what_is_refused_of_the_consumer_is_not_told_of_the_collector() -> None:
    refused = {OURS.consumer: false(Reason.REFUSED, f"{OURS.consumer}: exceeded quota.")}
    case("", collects(refusals=refused), "True", "Available").hold()
