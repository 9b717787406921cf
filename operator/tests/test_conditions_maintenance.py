"""DatabaseMaintained, case by case. It is 12:10, and the upkeep runs each night at 2:23."""

from __future__ import annotations

from typing import Any

import pytest
from kit.evidence import KAFKA, MAINTAIN, RAN_AT, SPEC, ConditionCase, condition, looked, there

from pulse_operator import objects
from pulse_operator.conditions import conditions
from pulse_operator.dependencies import Missing, Reason, Status
from pulse_operator.dependencies.verdict import false
from pulse_operator.objects import Ref
from pulse_operator.report import phase

HOURS = 3600.0
NIGHT = "2026-03-01T02:24:00Z"
FAILED_REF = Ref(objects.JOB, "web", "shop-maintain-2")


def failed(ended: str = "2026-03-01T12:05:00Z") -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": FAILED_REF.name, "namespace": "web"},
        "status": {"conditions": [{**condition("Failed", message="Too many tries."), "lastTransitionTime": ended}]},
    }


def said(message: str) -> dict[str, Any]:
    state = {"terminated": {"exitCode": 3, "message": message}}
    return {"metadata": {"name": "run-x"}, "status": {"containerStatuses": [{"state": state}]}}


def never_ran(hours: float = 0.0) -> Any:
    """A CronJob without any good run, made at 12:10."""
    cron_job = there(MAINTAIN)
    metadata = {**cron_job["metadata"], "creationTimestamp": "2026-03-01T12:10:00Z"}
    return looked(put={MAINTAIN: {**cron_job, "metadata": metadata, "status": {}}}, seconds=hours * HOURS)


def resting() -> dict[str, Any]:
    cron_job = there(MAINTAIN)
    return {**cron_job, "spec": {**cron_job["spec"], "suspend": True}, "status": {}}


def refused(reason: Reason, words: str) -> Any:
    return looked(refusals={MAINTAIN: false(reason, f"{MAINTAIN}: {words}.")})


def case(name: str, evidence: Any, status: str, reason: str, *says: str) -> ConditionCase:
    return ConditionCase(name, evidence, "DatabaseMaintained", status, reason, (str(MAINTAIN), *says))


RUN_FAILED = looked(maintenance=[failed()], pods={FAILED_REF: [said("must be owner of table events")]})
CASES = [
    case("a good run, and no other due", looked(), "True", "Maintained", RAN_AT),
    case(
        "one night missed",
        looked(status={MAINTAIN: {"lastSuccessfulTime": NIGHT}}, seconds=30 * HOURS),
        "True",
        "Maintained",
    ),
    case(
        "two nights missed",
        looked(status={MAINTAIN: {"lastSuccessfulTime": NIGHT}}, seconds=40 * HOURS),
        *("False", "Stale", NIGHT, "23 2 * * *"),
    ),
    case("no run yet", never_ran(), "Unknown", "NeverRan", "23 2 * * *"),
    case("no run for two nights", never_ran(40), "False", "Stale", "never was"),
    case(
        "the newest run failed, in the words of its pod",
        RUN_FAILED,
        *("False", "RunFailed", f"good run ended {RAN_AT}", "Pod run-x ended with code 3: must be owner of table"),
    ),
    case(
        "a failure before the last good run", looked(maintenance=[failed("2026-03-01T12:00:59Z")]), "True", "Maintained"
    ),
    case("a run of dbt that failed", looked(runs=[failed()]), "True", "Maintained"),
    case(
        "a schedule that never comes",
        looked({**SPEC, "maintenance": {"schedule": "0 0 31 2 *"}}),
        *("False", "InvalidSchedule", "spec.maintenance.schedule", "never comes"),
    ),
    case(
        "a schedule that the API server refuses",
        refused(Reason.REFUSED, "spec.schedule: Invalid value"),
        *("False", "InvalidSchedule", "Invalid value", "(spec.maintenance)"),
    ),
    case("a CronJob that was refused", refused(Reason.REFUSED, "exceeded quota"), "False", "Refused"),
    case("a CronJob of somebody else's", refused(Reason.OWNED_BY_OTHER, "not ours"), "False", "OwnedByOther"),
    case(
        "waiting for an earlier condition",
        looked(put={MAINTAIN: Missing.OBJECT, KAFKA: Missing.OBJECT}),
        *("Unknown", "Blocked", "waits for KafkaReady (NotFound)"),
    ),
    case("about to be made", looked(put={MAINTAIN: Missing.OBJECT}), "Unknown", "Pending"),
    case("about to be resumed", looked(put={MAINTAIN: resting()}), "Unknown", "Pending", "about to be resumed"),
    case("suspended", looked({**SPEC, "suspend": True}), "Unknown", "Suspended", "spec.suspend"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.condition}: {case.name}")
def test_condition(case: ConditionCase) -> None:
    case.hold()


def test_an_upkeep_that_fails_leaves_a_pipeline_ready_and_shows_in_its_phase() -> None:
    found = conditions(RUN_FAILED)
    assert found["Ready"].status is Status.TRUE
    assert phase(RUN_FAILED, found) == "Degraded"
    assert phase(looked(), conditions(looked())) == "Ready"
