"""DatabaseMaintained: whether `pulse maintain` ran well, and in time."""

from __future__ import annotations

from pulse_operator.conditions.evidence import Evidence
from pulse_operator.conditions.scheduled import Scheduled, judged
from pulse_operator.dependencies import Reason, Verdict


def database_maintained(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    """Whether partitions are made ahead of time, and what is past the retention is removed."""
    return judged(evidence, runs_of_maintenance(evidence), blocker)


def runs_of_maintenance(evidence: Evidence) -> Scheduled:
    """The CronJob of the upkeep and its Jobs."""
    schedule = evidence.pipeline.spec.maintenance.schedule
    return Scheduled(
        evidence.wants.maintain,
        evidence.seen.maintenance,
        "spec.maintenance",
        schedule,
        zone="UTC",
        well=Reason.MAINTAINED,
    )
