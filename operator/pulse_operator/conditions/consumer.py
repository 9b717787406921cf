"""ConsumerAvailable, LagKnown and ScalingLimited."""

from __future__ import annotations

from pulse_operator import scaling
from pulse_operator.conditions.deployment import running, to_come
from pulse_operator.conditions.evidence import Evidence, refused
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import Raw, false, status, true, unknown
from pulse_operator.objects import Ref

_LIMITS = {
    scaling.Limit.PARTITION_COUNT: (Reason.PARTITION_COUNT, "Give the topic more partitions, if more are needed."),
    scaling.Limit.MAXIMUM: (Reason.MAXIMUM, "Raise spec.consumer.scaling.max, if more are needed."),
    scaling.Limit.INEFFECTIVE_SCALE_UP: (
        Reason.INEFFECTIVE_SCALE_UP,
        "More consumers did not write more: look at what the database is busy with.",
    ),
}


def consumer_available(evidence: Evidence, blocker: tuple[str, Verdict] | None) -> Verdict:
    """Whether events are being consumed. `blocker` is the first earlier condition that does not hold."""
    ref = evidence.wants.consumer
    problem = refused(evidence, (ref,))
    if problem:
        return problem
    found = evidence.seen.there(ref)
    if found is None:
        return to_come(ref, blocker)
    if evidence.pipeline.spec.suspend:
        return _suspended(ref, found)
    if found["spec"].get("replicas", 1) == 0:
        return _empty(evidence, ref, blocker)
    return running(evidence, ref, found)


def _suspended(ref: Ref, found: Raw) -> Verdict:
    left = status(found).get("replicas", 0)
    told = f"{left} of its pods still finish their last batch" if left else "its pods are gone"
    return false(Reason.SUSPENDED, f"{ref} is at rest, {told}. Set spec.suspend to false to go on.")


def _empty(evidence: Evidence, ref: Ref, blocker: tuple[str, Verdict] | None) -> Verdict:
    """No replica: asked for by an idle pipeline, or left over from a suspension that ended before it could start."""
    if blocker:
        return false(Reason.BLOCKED, f"{ref} waits for {blocker[0]} ({blocker[1].reason.value}).")
    if evidence.pipeline.spec.consumer.scaling.min:
        return unknown(Reason.PENDING, f"{ref} is about to be started.")
    return true(Reason.AT_REST, f"{ref} has no replica: nothing is to be read (spec.consumer.scaling.min is 0).")


def lag_known(evidence: Evidence) -> Verdict:
    """Whether the broker told the lag."""
    reading = evidence.reading
    if reading is None:
        return unknown(Reason.PENDING, "The lag has not been asked for yet. Wait.")
    if reading.problem:
        reason = Reason.ACCESS_DENIED if reading.problem_kind == "Denied" else Reason.QUERY_FAILED
        return unknown(reason, f"The lag is unknown, so replicas stay as they are: {reading.problem}")
    blank = sorted(number for number, offsets in reading.partitions.items() if offsets.committed is None)
    if blank:
        return true(
            Reason.NOTHING_COMMITTED,
            f"No consumer has committed in partition {_listed(blank)} yet: its lag counts from the start of the log.",
        )
    return true(Reason.KNOWN, f"The lag of {len(reading.partitions)} partitions is known.")


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return f"{shown} and {len(numbers) - 10} more" if len(numbers) > 10 else shown


def scaling_limited(evidence: Evidence) -> Verdict:
    """Whether something keeps the replicas below what the lag asks for."""
    decision = evidence.decision
    if decision is None:
        return unknown(Reason.PENDING, "Nothing has been decided about replicas yet. Wait.")
    if decision.limited_by is None:
        return false(Reason.NOT_LIMITED, "As many consumers run as the lag asks for.")
    reason, advice = _LIMITS[decision.limited_by]
    return true(reason, f"{decision.message.rstrip('.')}. {advice}")
