"""TransformFresh, case by case. It is 12:10, the schedule fires every 15 minutes."""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import KAFKA, RAN_AT, SPEC, TRANSFORM, ConditionCase, condition, looked, migration, there

from pulse_operator import objects
from pulse_operator.conditions import Evidence, last_failure, runs_of_dbt
from pulse_operator.dependencies import Missing, Reason
from pulse_operator.dependencies.verdict import false
from pulse_operator.objects import Ref
from pulse_operator.timestamps import seconds_of, text_of

MINUTES = 60.0


def run(name: str, ended: str, kind: str = "Failed", **words: Any) -> dict[str, Any]:
    """A Job of the CronJob that is over."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "web"},
        "status": {"conditions": [{**condition(kind, **words), "lastTransitionTime": ended}]},
    }


def said(message: str) -> dict[str, Any]:
    state = {"terminated": {"exitCode": 1, "message": message}}
    return {"metadata": {"name": "run-x"}, "status": {"containerStatuses": [{"state": state}]}}


def new(seconds: float = 0.0, **words: Any) -> Any:
    """A CronJob without any good run, made at 12:10."""
    cron_job = there(TRANSFORM)
    metadata = {**cron_job["metadata"], "creationTimestamp": "2026-03-01T12:10:00Z"}
    return looked(put={TRANSFORM: {**cron_job, "metadata": metadata, "status": {}}}, seconds=seconds, **words)


def resting() -> dict[str, Any]:
    """The CronJob as a suspension that is over left it."""
    cron_job = there(TRANSFORM)
    return {**cron_job, "spec": {**cron_job["spec"], "suspend": True}, "status": {}}


def scheduled(schedule: str) -> Any:
    return looked({**SPEC, "transform": {"schedule": schedule}})


def refused(reason: Reason, words: str) -> Any:
    return looked(refusals={TRANSFORM: false(reason, f"{TRANSFORM}: {words}.")})


def case(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "TransformFresh", status, reason, (str(TRANSFORM), *says))


LATER = "2026-03-01T12:02:00Z"
FAILED = run("shop-transform-2", LATER, message="Job has reached the limit.")
FAILED_REF = Ref(objects.JOB, "web", "shop-transform-2")
CASES = [
    case("a good run, and no other due", looked(), "True", "Fresh", RAN_AT),
    case("one run missed", looked(seconds=19 * MINUTES), "True", "Fresh"),
    case(
        "a run that ended as the next was due",
        looked(status={TRANSFORM: {"lastSuccessfulTime": "2026-03-01T12:00:00Z"}}, seconds=10 * MINUTES),
        *("True", "Fresh"),
    ),
    case("two runs missed", looked(seconds=21 * MINUTES), "False", "Stale", RAN_AT, "two more were due"),
    case("no run yet", new(seconds=4 * MINUTES), "Unknown", "NeverRan", "*/15"),
    case("no run yet, one missed", new(seconds=6 * MINUTES), "Unknown", "NeverRan"),
    case("no run yet, two missed", new(seconds=21 * MINUTES), "False", "Stale", "never was"),
    case(
        "the newest run failed",
        looked(runs=[run("shop-transform-1", RAN_AT, "Complete"), FAILED]),
        *("False", "RunFailed", f"good run ended {RAN_AT}", "Job has reached the limit."),
    ),
    case(
        "the first run failed, in the words of its pod",
        new(runs=[FAILED], pods={FAILED_REF: [said("Model fct_sessions: no column x")]}),
        *("False", "RunFailed", "no good run yet", "Pod run-x ended with code 1: Model fct_sessions: no column x"),
    ),
    case("a failure before the last good run", looked(runs=[run("old", "2026-03-01T12:00:59Z")]), "True", "Fresh"),
    case("a schedule that never comes", scheduled("0 0 31 2 *"), "False", "InvalidSchedule", "never comes"),
    case(
        "a schedule that the API server refuses",
        refused(Reason.REFUSED, "spec.schedule: Invalid value"),
        *("False", "InvalidSchedule", "Invalid value", "(spec.transform)"),
    ),
    case(
        "a time zone that is nowhere",
        looked({**SPEC, "transform": {"timeZone": "Mars/Phobos"}}, put={TRANSFORM: Missing.OBJECT}),
        *("False", "InvalidTimeZone", "spec.transform.timeZone 'Mars/Phobos'", "such as Europe/Berlin"),
    ),
    case(
        "a time zone that only the API server does not know",
        refused(Reason.REFUSED, "spec.timeZone: Invalid value: unknown time zone"),
        *("False", "InvalidTimeZone", "Invalid value", "(spec.transform)"),
    ),
    case("a CronJob that was refused", refused(Reason.REFUSED, "exceeded quota"), "False", "Refused"),
    case("a CronJob of somebody else's", refused(Reason.OWNED_BY_OTHER, "not ours"), "False", "OwnedByOther"),
    case(
        "waiting for an earlier condition",
        looked(put={TRANSFORM: Missing.OBJECT, KAFKA: Missing.OBJECT}),
        *("Unknown", "Blocked", "waits for KafkaReady (NotFound)"),
    ),
    case(
        "suspended before there was a schema, and resumed",
        looked(put={TRANSFORM: resting()}, status={migration(): {"conditions": []}}),
        *("Unknown", "Blocked", "waits for SchemaMigrated (Migrating) to be resumed"),
    ),
    case("about to be resumed", looked(put={TRANSFORM: resting()}), "Unknown", "Pending", "about to be resumed"),
    case("about to be made", looked(put={TRANSFORM: Missing.OBJECT}), "Unknown", "Pending"),
    case("suspended", looked({**SPEC, "suspend": True}), "Unknown", "Suspended", "spec.suspend"),
    ConditionCase(
        "not scheduled by Pulse",
        looked({**SPEC, "transform": {"enabled": False}}),
        *("TransformFresh", "True", "NotEnabled", ("spec.transform.enabled",)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()


def failure(evidence: Evidence) -> tuple[float, str] | None:
    return last_failure(evidence, runs_of_dbt(evidence))


def test_a_failure_is_told_with_its_time() -> None:
    told = failure(looked(runs=[FAILED, run("running", LATER, "Other")]))
    assert told == (seconds_of(LATER), "Job has reached the limit.")
    assert text_of(told[0]) == LATER


def test_a_failure_without_a_word_says_so() -> None:
    told = failure(looked(runs=[run("shop-transform-2", LATER)]))
    assert told
    assert told[1] == "no message"
