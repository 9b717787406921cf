"""Whether a CloudNativePG Cluster can be written to.

Its own Ready condition asks for more than that: it drops while a replica is made or a setting is applied. A cluster
with a live primary is therefore Degraded, never down. A Cluster has no observedGeneration; after an edit its number of
ready instances is compared with the wanted one instead.
"""

from __future__ import annotations

from pulse_operator.dependencies.verdict import (
    Found,
    Kind,
    Missing,
    Raw,
    Reason,
    Target,
    Verdict,
    condition,
    false,
    missing,
    no_status,
    status,
    true,
)

API_VERSION = "postgresql.cnpg.io/v1"
OPERATOR = "CloudNativePG 1.30 or newer"
PATIENCE_SECONDS = 120.0
CLUSTER = Kind(
    "Cluster",
    API_VERSION,
    OPERATOR,
    "Create it, or correct spec.sink.cloudNativePG.cluster and namespace of the pipeline.",
)
_HIBERNATION = "cnpg.io/hibernation"
_NOT_WATCHED = "Check that CloudNativePG's operator runs and watches this namespace (WATCH_NAMESPACE)."

# Phases that end only when a person does something.
_TERMINAL = {
    "Cluster is unrecoverable and needs manual intervention": Reason.UNRECOVERABLE,
    "Waiting for user action": Reason.WAITING_FOR_USER,
    "Invalid cluster definition": Reason.INVALID_DEFINITION,
}


def cluster_verdict(found: Found, namespace: str, name: str, seconds: float) -> Verdict:
    """Whether the cluster can be written to. `seconds` is the age of the object."""
    target = Target(CLUSTER, namespace, name)
    if isinstance(found, Missing):
        return missing(found, target)
    if _hibernated(found):
        return false(
            Reason.HIBERNATED,
            f"{target} is hibernated, its pods are gone and its data is kept. "
            f"Remove its annotation {_HIBERNATION} to wake it.",
        )
    if not status(found):
        return no_status(target, seconds, PATIENCE_SECONDS, _NOT_WATCHED)
    down = _no_primary(found)
    return _terminal(found, target, down) or _down(target, down) or _live(found, target)


def _hibernated(cluster: Raw) -> bool:
    annotation = cluster["metadata"].get("annotations", {}).get(_HIBERNATION)
    return annotation == "on" or condition(cluster, _HIBERNATION) is not None


def _no_primary(cluster: Raw) -> tuple[Reason, str] | None:
    """Why nobody can write, with the field that says so; None if the primary is live."""
    now = status(cluster)
    current, wanted = now.get("currentPrimary") or "", now.get("targetPrimary") or ""
    if not condition(cluster, "Initialized"):
        return Reason.INITIALIZING, "condition Initialized is not True. Wait for its first instance"
    if not current or current != wanted:
        return (
            Reason.SWITCHING_PRIMARY,
            f"status.currentPrimary is {current or 'empty'}, status.targetPrimary {wanted or 'empty'}. Wait for the "
            "switch to end; writers retry",
        )
    if not now.get("readyInstances"):
        return Reason.NO_READY_INSTANCE, f"status.readyInstances is 0. Look at Pod {current}"
    return None


def _terminal(cluster: Raw, target: Target, down: tuple[Reason, str] | None) -> Verdict | None:
    """Phases that wait for a person. All but the first leave a live primary writable."""
    phase = _phase(cluster)
    reason = _TERMINAL.get(phase)
    if reason is None:
        return None
    writable = down is None and reason is not Reason.UNRECOVERABLE
    verdict = true if writable else false
    return verdict(
        reason,
        f"{target} {'can be written to' if writable else 'cannot be written to'}, but waits for a person: status.phase "
        f"is {_explained(cluster)}. See `kubectl describe`.",
    )


def _down(target: Target, down: tuple[Reason, str] | None) -> Verdict | None:
    return false(down[0], f"{target} cannot be written to: {down[1]}.") if down else None


def _live(cluster: Raw, target: Target) -> Verdict:
    ready, wanted = status(cluster)["readyInstances"], cluster["spec"]["instances"]
    if not condition(cluster, "Ready"):
        return true(
            Reason.DEGRADED,
            f"{target} can be written to, but is not in full health: status.phase is {_explained(cluster)}. "
            "Wait; if it stays, see `kubectl describe`.",
        )
    if ready != wanted:
        return true(
            Reason.DEGRADED,
            f"{target} can be written to, but status.readyInstances is {ready} and spec.instances {wanted}. "
            "Wait; if it stays, look at its pods.",
        )
    return true(Reason.READY, f"{target} can be written to, with {ready} of {wanted} instances ready.")


def _phase(cluster: Raw) -> str:
    return str(status(cluster).get("phase", ""))


def _explained(cluster: Raw) -> str:
    phase, reason = _phase(cluster) or "empty", status(cluster).get("phaseReason")
    return f"{phase!r} ({reason})" if reason else repr(phase)
