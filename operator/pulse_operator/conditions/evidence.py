"""What every condition is judged on, and how several verdicts become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pulse.facts import Facts
from pulse_operator import scaling
from pulse_operator.dependencies import Reason, Status, Verdict
from pulse_operator.objects import Ref
from pulse_operator.pipeline import Pipeline
from pulse_operator.readings import Reading, TopicReading
from pulse_operator.seen import Seen
from pulse_operator.wants import Wants


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one pipeline after it was looked at and its children were written."""

    pipeline: Pipeline
    wants: Wants
    seen: Seen
    facts: Facts
    migration: Ref | None = None  # the Job of the schema that these images need
    provision: Ref | None = None  # the Job that puts the dashboards into Metabase
    refusals: Mapping[Ref, Verdict] = field(default_factory=dict)  # children that could not be written
    reading: Reading | None = None  # None: the broker was not asked yet
    topics: TopicReading | None = None
    decision: scaling.Decision | None = None


def refused(evidence: Evidence, refs: Iterable[Ref | None]) -> Verdict | None:
    """The first of these children that could not be written, as its verdict."""
    return next((evidence.refusals[ref] for ref in refs if ref is not None and ref in evidence.refusals), None)


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """The first that is False, else the first that is Unknown, else the first that says more than Ready."""
    found = list(verdicts)
    for status in (Status.FALSE, Status.UNKNOWN):
        for verdict in found:
            if verdict.status is status:
                return verdict
    return next((verdict for verdict in found if verdict.reason is not Reason.READY), found[0])
