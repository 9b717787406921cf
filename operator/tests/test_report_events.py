"""Which Events go with a change of the conditions."""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import AT

from pulse_operator import report
from pulse_operator.dependencies import Reason
from pulse_operator.dependencies.verdict import Verdict, false, true, unknown
from pulse_operator.report import Event

GOOD = true(Reason.READY, "All is well.")
BAD = false(Reason.NOT_FOUND, "Kafka k/e does not exist.")


def before(verdict: Verdict, name: str = "KafkaReady") -> list[dict[str, Any]]:
    return report.stamped({name: verdict}, [], 1, AT)


@pytest.mark.parametrize(
    ("stored", "found", "posted"),
    [
        (before(GOOD), {"KafkaReady": GOOD}, []),
        (before(GOOD), {"KafkaReady": true(Reason.READY, "In other words.")}, []),
        (before(GOOD), {"KafkaReady": BAD}, [Event("NotFound", f"KafkaReady: {BAD.message}", warning=True)]),
        (before(BAD), {"KafkaReady": GOOD}, [Event("Ready", "KafkaReady: All is well.")]),
        (before(BAD), {"KafkaReady": false(Reason.CREATING, "c")}, [Event("Creating", "KafkaReady: c")]),
        (before(GOOD), {"KafkaReady": true(Reason.DEGRADED, "d")}, [Event("Degraded", "KafkaReady: d")]),
        (before(GOOD), {"KafkaReady": unknown(Reason.PENDING, "p")}, [Event("Pending", "KafkaReady: p")]),
        ([], {"KafkaReady": GOOD}, []),
        ([], {"KafkaReady": unknown(Reason.PENDING, "p")}, []),
        ([], {"KafkaReady": BAD}, [Event("NotFound", f"KafkaReady: {BAD.message}", warning=True)]),
        ([], {"ConsumerAvailable": false(Reason.BLOCKED, "b")}, [Event("Blocked", "ConsumerAvailable: b")]),
        (before(GOOD, "Ready"), {"Ready": BAD}, []),
        (before(GOOD), {"KafkaReady": GOOD, "Ready": BAD}, []),
        (
            before(false(Reason.NOT_LIMITED, "n"), "ScalingLimited"),
            {"ScalingLimited": true(Reason.MAXIMUM, "m")},
            [Event("Maximum", "ScalingLimited: m", warning=True)],
        ),
        (
            before(true(Reason.MAXIMUM, "m"), "ScalingLimited"),
            {"ScalingLimited": false(Reason.NOT_LIMITED, "n")},
            [Event("NotLimited", "ScalingLimited: n")],
        ),
    ],
)
def test_events_are_posted_on_transitions(
    stored: list[dict[str, Any]], found: dict[str, Verdict], posted: list[Event]
) -> None:
    assert report.events(stored, found) == posted


def test_an_event_is_cut_to_what_the_api_server_takes() -> None:
    (posted,) = report.events([], {"KafkaReady": false(Reason.NOT_FOUND, "x" * 2_000)})
    assert len(posted.message) == 1_024
