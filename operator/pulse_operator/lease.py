"""Who may write: when a Lease is free, ours, or somebody else's. Pure.

Remote clocks are not believed. A holder counts as gone when its record did not change for its whole duration, by the
clock of whoever is watching; so two machines with different clocks still agree that only one of them writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pulse_operator.objects import LEASE, Manifest, Ref

# Of its duration, a holder that could not renew stops after this part: the rest is for its last requests to end.
GIVE_UP = 2 / 3
RENEW = 1 / 3


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as it is stored. `version` changes with every write."""

    holder: str
    duration_seconds: float
    transitions: int
    acquired: str
    version: str


def record(lease: Manifest) -> Record:
    """What a Lease says; absent fields mean that nobody holds it."""
    spec = lease.get("spec") or {}
    return Record(
        holder=spec.get("holderIdentity") or "",
        duration_seconds=float(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
        acquired=spec.get("acquireTime") or "",
        version=lease["metadata"]["resourceVersion"],
    )


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record, and when it was first seen to be like this, in seconds of the local monotonic clock."""

    record: Record
    since: float


def seen(before: Sighting | None, now_record: Record, now: float) -> Sighting:
    """The record as it is now; the clock starts anew when it changed."""
    if before is not None and before.record.version == now_record.version:
        return before
    return Sighting(now_record, now)


def free_in(sighting: Sighting, me: str, now: float) -> float:
    """Seconds until `me` may take it, as long as it does not change: 0 if at once."""
    held = sighting.record
    if held.holder in ("", me):
        return 0.0
    return max(0.0, sighting.since + held.duration_seconds - now)


def taken(before: Record | None, me: str, duration_seconds: int, at: datetime) -> dict[str, Any]:
    """The spec with which `me` takes or renews it."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    renewed = before is not None and before.holder == me
    changes = 0 if before is None else before.transitions + (0 if renewed else 1)
    return {
        "holderIdentity": me,
        "leaseDurationSeconds": duration_seconds,
        "acquireTime": before.acquired if before is not None and renewed and before.acquired else stamp,
        "renewTime": stamp,
        "leaseTransitions": changes,
    }


def manifest(ref: Ref, spec: dict[str, Any]) -> Manifest:
    """A new Lease."""
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}
