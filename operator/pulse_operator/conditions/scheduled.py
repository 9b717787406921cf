"""Whether a CronJob ran well, and in time: asked are it and its Jobs, nobody's database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulse_operator import timestamps
from pulse_operator.conditions.evidence import Evidence, refused
from pulse_operator.conditions.pods import complaint
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import Raw, condition, false, status, true, unknown
from pulse_operator.objects import Ref
from pulse_operator.schedule import fired_before


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What runs by the clock: its CronJob, the newest of its Jobs, oldest first, and what the spec says of it.

    `part` is where the spec does, `well` the reason that a good run in time gives.
    """

    ref: Ref
    runs: Sequence[Raw]
    part: str
    schedule: str
    zone: str
    well: Reason


def judged(evidence: Evidence, what: Scheduled, blocker: tuple[str, Verdict] | None) -> Verdict:
    """Whether its last run was good, and not too long ago."""
    problem = refused(evidence, (what.ref,))
    if problem:
        return _named(what, problem)
    found = evidence.seen.there(what.ref)
    if found is None:
        return _to_come(what.ref, blocker, "made")
    if evidence.pipeline.spec.suspend:
        return unknown(
            Reason.SUSPENDED, f"{what.ref} is suspended with its pipeline. Set spec.suspend to false to go on."
        )
    if found["spec"].get("suspend"):
        # Left over from a suspension that ended before it could be written again, as while there is no schema.
        return _to_come(what.ref, blocker, "resumed")
    return _failed(evidence, what, found) or _stale(evidence, what, found) or _well(what, found)


def last_success(evidence: Evidence, what: Scheduled) -> float | None:
    """When the last good run ended."""
    cron_job = evidence.seen.there(what.ref)
    return _last_success(cron_job) if cron_job else None


def last_failure(evidence: Evidence, what: Scheduled) -> tuple[float, str] | None:
    """When the newest run that failed ended, and what it said; None if a later one was good."""
    success = last_success(evidence, what) or 0.0
    for job in reversed(what.runs):
        failed = condition(job, "Failed")
        if failed:
            ended = timestamps.seconds_of(failed["lastTransitionTime"])
            said = complaint(evidence.seen.pods.get(Ref.of(dict(job)), ())) or str(
                failed.get("message") or "no message"
            )
            return (ended, said) if ended > success else None
    return None


def _last_success(cron_job: Raw) -> float | None:
    told = status(cron_job).get("lastSuccessfulTime")
    return timestamps.seconds_of(told) if told else None


def _to_come(ref: Ref, blocker: tuple[str, Verdict] | None, what: str) -> Verdict:
    """Nothing runs yet, and why."""
    if blocker:
        return unknown(Reason.BLOCKED, f"{ref} waits for {blocker[0]} ({blocker[1].reason.value}) to be {what}.")
    return unknown(Reason.PENDING, f"{ref} is about to be {what}.")


def _named(what: Scheduled, problem: Verdict) -> Verdict:
    """A refused CronJob is in nearly every case a schedule, or a zone, that only the API server could judge."""
    if problem.reason is Reason.REFUSED and "schedule" in problem.message:
        return false(Reason.INVALID_SCHEDULE, f"{problem.message} ({what.part})")
    if problem.reason is Reason.REFUSED and "timeZone" in problem.message:
        return false(Reason.INVALID_TIME_ZONE, f"{problem.message} ({what.part})")
    return problem


def _failed(evidence: Evidence, what: Scheduled, found: Raw) -> Verdict | None:
    newest = last_failure(evidence, what)
    if newest is None:
        return None
    good = _last_success(found)
    since = f"the last good run ended {timestamps.text_of(good)}" if good else "there was no good run yet"
    return false(Reason.RUN_FAILED, f"{what.ref}: its newest run failed, {since}. {newest[1].rstrip('.')}.")


def _stale(evidence: Evidence, what: Scheduled, found: Raw) -> Verdict | None:
    due = fired_before(what.schedule, what.zone, evidence.seen.at, 2)
    if due is None:
        return false(
            Reason.INVALID_SCHEDULE, f"{what.ref}: {what.part}.schedule {what.schedule!r} never comes. Correct it."
        )
    good = _last_success(found)
    since = good if good is not None else evidence.seen.at - evidence.seen.age(what.ref)
    if since < due:
        last = f"ended {timestamps.text_of(good)}" if good else "never was"
        return false(
            Reason.STALE,
            f"{what.ref}: its last good run {last}, and two more were due since (schedule {what.schedule}). Look at "
            "its Jobs.",
        )
    if good is None:
        return unknown(
            Reason.NEVER_RAN, f"{what.ref} has not run yet (schedule {what.schedule}). Wait for its first run."
        )
    return None


def _well(what: Scheduled, found: Raw) -> Verdict:
    good = _last_success(found)
    return true(what.well, f"{what.ref}: its last good run ended {timestamps.text_of(good or 0)}.")
