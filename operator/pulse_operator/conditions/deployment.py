"""How well a Deployment runs that should: what its status tells, and its pods where it does not go well."""

from __future__ import annotations

from pulse_operator.conditions.evidence import Evidence
from pulse_operator.conditions.pods import complaint
from pulse_operator.dependencies import Reason, Verdict
from pulse_operator.dependencies.verdict import Raw, false, status, true, unknown
from pulse_operator.objects import Ref

# The first pod of a new pipeline may pull its image for so long without anything being wrong.
STARTING_SECONDS = 90.0


def running(evidence: Evidence, ref: Ref, found: Raw, starting_seconds: float = STARTING_SECONDS) -> Verdict:
    """Whether at least one of its pods is ready, and whether more should be."""
    wanted, told = found["spec"].get("replicas", 1), status(found)
    ready, updated = told.get("readyReplicas", 0), told.get("updatedReplicas", 0)
    old = max(0, told.get("replicas", 0) - updated)
    stale = told.get("observedGeneration") != found["metadata"].get("generation")
    said = complaint(evidence.seen.pods.get(ref, ()))
    if not ready and not said and evidence.seen.age(ref) < starting_seconds:
        return unknown(Reason.PENDING, f"{ref} is new, and its pods start. Wait for them.")
    if not ready:
        why = said or "none of its pods is ready"
        return false(Reason.UNAVAILABLE, f"{ref}: {why.rstrip('.')}. Look at its pods.")
    if stale or ready < wanted or old:
        beside = f"; {old} old beside the new" if old else ""
        return true(
            Reason.ROLLING,
            f"{ref} has {ready} of {wanted} pods ready, {updated} of them new{beside}{f'. {said}' if said else ''}.",
        )
    return true(Reason.AVAILABLE, f"{ref} has {ready} of {wanted} pods ready.")


def to_come(ref: Ref, blocker: tuple[str, Verdict] | None) -> Verdict:
    """The Deployment is not there yet, and why: the first condition of what it stands on that does not hold."""
    if blocker:
        return false(Reason.BLOCKED, f"{ref} waits for {blocker[0]} ({blocker[1].reason.value}).")
    return unknown(Reason.PENDING, f"{ref} is about to be made.")
