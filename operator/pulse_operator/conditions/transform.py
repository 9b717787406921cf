"""TransformFresh: whether dbt ran well, and in time. What is asked is the CronJob and its Jobs, nobody's database."""

from __future__ import annotations

from pulse_operator import timestamps
from pulse_operator.conditions.evidence import Evidence, refused
from pulse_operator.conditions.pods import complaint
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import Raw, condition, false, status, true, unknown
from pulse_operator.objects import Ref
from pulse_operator.schedule import fired_before, zone_known, zone_sentence


def transform_fresh(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    """Whether the marts are as new as the schedule promises."""
    ref, seen = evidence.wants.transform, evidence.seen
    if not evidence.pipeline.spec.transform.enabled:
        return true(Reason.NOT_ENABLED, "Pulse does not schedule dbt here (spec.transform.enabled is false).")
    zone = evidence.pipeline.spec.transform.time_zone
    if not zone_known(zone):
        return false(Reason.INVALID_TIME_ZONE, f"{ref}: spec.transform.timeZone {zone_sentence(zone)}.")
    problem = refused(evidence, (ref,))
    if problem:
        return _named(problem)
    found = seen.there(ref)
    if found is None:
        return _to_come(ref, blocker, "made")
    if evidence.pipeline.spec.suspend:
        return unknown(Reason.SUSPENDED, f"{ref} is suspended with its pipeline. Set spec.suspend to false to go on.")
    if found["spec"].get("suspend"):
        # Left over from a suspension that ended before it could be written again, as while there is no schema.
        return _to_come(ref, blocker, "resumed")
    return _failed(evidence, ref, found) or _stale(evidence, ref, found) or _fresh(ref, found)


def last_success(cron_job: Raw) -> float | None:
    """When its last good run ended."""
    told = status(cron_job).get("lastSuccessfulTime")
    return timestamps.seconds_of(told) if told else None


def last_failure(evidence: Evidence) -> tuple[float, str] | None:
    """When the newest run that failed ended, and what it said; None if a later one was good."""
    cron_job = evidence.seen.there(evidence.wants.transform)
    success = (last_success(cron_job) if cron_job else None) or 0.0
    for job in reversed(evidence.seen.runs):
        failed = condition(job, "Failed")
        if failed:
            ended = timestamps.seconds_of(failed["lastTransitionTime"])
            said = complaint(evidence.seen.pods.get(Ref.of(dict(job)), ())) or str(
                failed.get("message") or "no message"
            )
            return (ended, said) if ended > success else None
    return None


def _to_come(ref: Ref, blocker: tuple[str, Verdict] | None, what: str) -> Verdict:
    """Nothing runs yet, and why."""
    if blocker:
        return unknown(Reason.BLOCKED, f"{ref} waits for {blocker[0]} ({blocker[1].reason.value}) to be {what}.")
    return unknown(Reason.PENDING, f"{ref} is about to be {what}.")


def _named(problem: Verdict) -> Verdict:
    """A refused CronJob is in nearly every case a schedule, or a zone, that only the API server could judge."""
    if problem.reason is Reason.REFUSED and "schedule" in problem.message:
        return false(Reason.INVALID_SCHEDULE, f"{problem.message} (spec.transform)")
    if problem.reason is Reason.REFUSED and "timeZone" in problem.message:
        return false(Reason.INVALID_TIME_ZONE, f"{problem.message} (spec.transform)")
    return problem


def _failed(evidence: Evidence, ref: Ref, found: Raw) -> Verdict | None:
    newest = last_failure(evidence)
    if newest is None:
        return None
    good = last_success(found)
    since = f"the last good run ended {timestamps.text_of(good)}" if good else "there was no good run yet"
    return false(Reason.RUN_FAILED, f"{ref}: its newest run failed, {since}. {newest[1].rstrip('.')}.")


def _stale(evidence: Evidence, ref: Ref, found: Raw) -> Verdict | None:
    schedule = evidence.pipeline.spec.transform.schedule
    due = fired_before(schedule, evidence.pipeline.spec.transform.time_zone, evidence.seen.at, 2)
    if due is None:
        return false(Reason.INVALID_SCHEDULE, f"{ref}: spec.transform.schedule {schedule!r} never comes. Correct it.")
    good = last_success(found)
    since = good if good is not None else evidence.seen.at - evidence.seen.age(ref)
    if since < due:
        last = f"ended {timestamps.text_of(good)}" if good else "never was"
        return false(
            Reason.STALE,
            f"{ref}: its last good run {last}, and two more were due since (schedule {schedule}). Look at its Jobs.",
        )
    if good is None:
        return unknown(Reason.NEVER_RAN, f"{ref} has not run yet (schedule {schedule}). Wait for its first run.")
    return None


def _fresh(ref: Ref, found: Raw) -> Verdict:
    good = last_success(found)
    return true(Reason.FRESH, f"{ref}: its last good run ended {timestamps.text_of(good or 0)}.")
