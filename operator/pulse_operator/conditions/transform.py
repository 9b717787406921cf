"""TransformFresh: whether dbt ran well, and in time."""

from __future__ import annotations

from pulse_operator.conditions.evidence import Evidence
from pulse_operator.conditions.scheduled import Scheduled, judged
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import false, true
from pulse_operator.schedule import zone_known, zone_sentence


def transform_fresh(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    """Whether the marts are as new as the schedule promises."""
    what = runs_of_dbt(evidence)
    if not evidence.pipeline.spec.transform.enabled:
        return true(Reason.NOT_ENABLED, "Pulse does not schedule dbt here (spec.transform.enabled is false).")
    if not zone_known(what.zone):
        return false(Reason.INVALID_TIME_ZONE, f"{what.ref}: spec.transform.timeZone {zone_sentence(what.zone)}.")
    return judged(evidence, what, blocker)


def runs_of_dbt(evidence: Evidence) -> Scheduled:
    """The CronJob of dbt and its Jobs."""
    spec = evidence.pipeline.spec.transform
    runs = evidence.seen.runs
    return Scheduled(evidence.wants.transform, runs, "spec.transform", spec.schedule, spec.time_zone, well=Reason.FRESH)
