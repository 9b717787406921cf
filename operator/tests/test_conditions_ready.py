"""Ready, case by case: what stands in its way, which comes first, and what does not count. And the words of pods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kit.evidence import CONSUMER, EVENTS, KAFKA, OURS, SPEC, STEADY, TRANSFORM, ConditionCase, looked, raw_pipeline

from pulse_operator import objects
from pulse_operator.conditions import ORDER, aside, combined, conditions
from pulse_operator.conditions.pods import complaint
from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import Verdict, false, true, unknown
from pulse_operator.objects import Ref
from pulse_operator.pipeline import SpecInvalid, parsed
from pulse_operator.scaling import Limit

LIMITED = replace(STEADY, limited_by=Limit.MAXIMUM)
UNKNOWN_LAG = {"reading": None}
SERVICE = Ref(objects.SERVICE, "web", "shop-consumer")


def unreadable() -> Verdict:
    """A spec that an earlier or later version of Pulse stored."""
    with pytest.raises(SpecInvalid) as wrong:
        parsed(raw_pipeline({**SPEC, "mirrors": 2}))
    return aside.invalid(wrong.value)


def case(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "Ready", status, reason, says)


CASES = [
    case("nothing in the way", looked(), "True", "Ready"),
    case("scaling limited", looked(decision=LIMITED), "True", "Ready"),
    case("nothing decided", looked(decision=None), "True", "Ready"),
    case("a first run of dbt to come", looked(put={TRANSFORM: Missing.OBJECT}), "True", "Ready"),
    case("no Kafka", looked(put={KAFKA: Missing.OBJECT}), "False", "NotFound", "KafkaReady: Kafka kafka/events"),
    case("the lag unknown", looked(**UNKNOWN_LAG), "Unknown", "Pending", "LagKnown: The lag"),
    case(
        "something False after something Unknown",
        looked(put={EVENTS: Missing.ANSWER}, status={CONSUMER: {"readyReplicas": 0}}),
        *("False", "Unavailable", "ConsumerAvailable: "),
    ),
    case(
        "two things False",
        looked(put={KAFKA: Missing.OBJECT, EVENTS: Missing.OBJECT}),
        *("False", "NotFound", "KafkaReady: "),
    ),
    case(
        "marts not fresh",
        looked(refusals={TRANSFORM: false(Reason.REFUSED, f"{TRANSFORM}: no.")}),
        *("False", "Refused", "TransformFresh: "),
    ),
    case(
        "a child that no condition speaks of",
        looked(refusals={SERVICE: false(Reason.REFUSED, f"{SERVICE}: exceeded quota.")}),
        *("False", "Refused", str(SERVICE)),
    ),
    case("suspended", looked({**SPEC, "suspend": True}), "False", "Suspended", "is suspended. ", str(CONSUMER)),
    case(
        "suspended, told before all else",
        looked({**SPEC, "suspend": True}, put={KAFKA: Missing.OBJECT}),
        *("False", "Suspended"),
    ),
    case("paused", aside.paused(), "Unknown", "Paused", "pulse.dev/paused"),
    case("going", aside.deleting([CONSUMER, EVENTS]), "False", "Deleting", f"gone: {CONSUMER}, {EVENTS}."),
    case(
        "going, with five left",
        aside.deleting([CONSUMER, TRANSFORM, *OURS.users.values()]),
        *("False", "Deleting", f"{OURS.users['lag']}."),
    ),
    case(
        "going, with much left",
        aside.deleting([CONSUMER, TRANSFORM, *OURS.users.values(), *OURS.topics.values()]),
        *("False", "Deleting", f"{OURS.users['lag']} and 2 more."),
    ),
    case("a spec of another version", unreadable(), "False", "InvalidSpec", "PulsePipeline web/shop", "mirrors"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()


def test_conditions_come_in_their_order() -> None:
    assert tuple(conditions(looked())) == ORDER


def test_of_several_verdicts_false_comes_first_then_unknown_then_what_says_more() -> None:
    good, more = true(Reason.READY, "."), true(Reason.DEGRADED, ".")
    open_, bad = unknown(Reason.PENDING, "."), false(Reason.NOT_FOUND, ".")
    assert combined([good, more, open_, bad, false(Reason.REFUSED, ".")]) is bad
    assert combined([good, more, open_]) is open_
    assert combined([good, more]) is more
    assert combined([good, true(Reason.READY, "too")]) is good


def pod(name: str = "a", made: str = "1", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": made}, "status": status}


def container(**states: Any) -> dict[str, Any]:
    return {"containerStatuses": [states]}


ENDED = {"terminated": {"exitCode": 2, "reason": "Error", "message": "  no\n route  "}}
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available."}


CRASHED = {"waiting": {"reason": "CrashLoopBackOff"}}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
OLD = pod("old", "1", **container(state=ENDED))


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([], ""),
        ([pod(**container(state={"running": {}}))], ""),
        ([pod(**container(state={"waiting": {"reason": "ContainerCreating"}}))], ""),
        ([pod(**container(state={"waiting": {"reason": "PodInitializing"}}))], ""),
        ([pod(**container(state={"waiting": {}}))], ""),
        ([pod(**container(state={"waiting": {"reason": "ErrImagePull"}}))], "Pod a: ErrImagePull: no message"),
        ([pod(**container(state=ENDED))], "Pod a ended with code 2: no route"),
        ([pod(**container(state=CRASHED, lastState=ENDED))], "Pod a ended with code 2: no route"),
        ([pod(**container(state={"terminated": {"exitCode": 0}}))], ""),
        ([pod(**container(state=KILLED))], "Pod a ended with code 137: OOMKilled"),
        ([pod(conditions=[UNSCHEDULED])], "Pod a cannot be scheduled: 0/3 nodes are available"),
        ([pod(conditions=[{**UNSCHEDULED, "status": "True"}])], ""),
        ([OLD, pod("new", "2", **container(state=KILLED))], "Pod new ended with code 137: OOMKilled"),
        ([OLD, pod("new", "2")], "Pod old ended with code 2: no route"),
    ],
)
def test_the_newest_complaint_of_pods_is_told(pods: list[dict[str, Any]], said: str) -> None:
    assert complaint(pods) == said


def test_lines_of_our_own_log_are_told_as_words() -> None:
    lines = [
        '{"cut": "off',
        '{"node": "source raw.events", "failures": null, "message": "not\\n allowed.", "event": "node_failed"}',
        '{"models": 0, "reason": "Failed: source raw.events.", "level": "error", "event": "transform_failed"}',
        '["no log"]',
    ]
    ended = {"terminated": {"exitCode": 1, "message": "\n".join(lines)}}
    assert complaint([pod(**container(state=ended))]) == (
        'Pod a ended with code 1: {"cut": "off node_failed: source raw.events: not allowed. '
        'transform_failed: Failed: source raw.events. ["no log"]'
    )


def test_of_a_long_complaint_the_end_is_told() -> None:
    long = {"terminated": {"exitCode": 1, "message": f"{'x' * 1_000} the end"}}
    said = complaint([pod(**container(state=long))])
    assert said.endswith("the end")
    assert len(said) < 600
