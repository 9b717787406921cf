"""Who of a Cluster's instances is the primary, and who is to be it. Pure: what was seen goes in, a decision comes out.

A replica is promoted in three steps that the Cluster's status carries, so that they outlive this program: nobody is to
be the primary (`targetPrimary: pending`) until the old one's pod is gone and nothing streams any more; then the replica
that is furthest is named, and then promoted. An instance that starts asks first what it is to be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from stand_in_operators.kubernetes import Raw

PENDING = "pending"
UNREADY_SECONDS = 5.0


class Role(StrEnum):
    """What an instance that starts is told."""

    FIRST = "first"  # make a new database
    PRIMARY = "primary"  # start what there is, which must be something
    REPLICA = "replica"  # follow the primary, from a fresh copy of it unless this was a replica before
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a running Postgres says of itself. `reached` is how far its log is safe on its disk."""

    is_primary: bool
    reached: int
    is_receiving: bool
    followers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as it was seen: its pod, if there is one, and what its Postgres said, if it did."""

    name: str
    uid: str = ""
    leaves: bool = False
    is_ready: bool = False
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many replicas there are, and on how many of them a commit has to be safe; 0 if it does not wait for any."""

    replicas: int
    needed: int

    def holds(self, answering: int) -> bool:
        """Whether among so many replicas there is surely one that has every commit."""
        return answering > self.replicas - (self.needed or self.replicas)


def role(cluster: Raw, name: str) -> Role:
    """What this instance is to be."""
    status = cluster.get("status", {})
    current, target = status.get("currentPrimary"), status.get("targetPrimary")
    if not current:
        return Role.FIRST if name == names(cluster)[0] else Role.WAIT
    if name == target:
        return Role.PRIMARY
    # Until another is named, the old primary may yet be the best that there is.
    return Role.WAIT if name == current and target == PENDING else Role.REPLICA


def names(cluster: Raw) -> list[str]:
    """The instances of a Cluster."""
    return [f"{cluster['metadata']['name']}-{number}" for number in range(1, cluster["spec"]["instances"] + 1)]


def is_lost(primary: Instance, pod: str, silent_seconds: float) -> bool:
    """Whether another has to take over, if one can. `pod` is the one that the primary was last seen in, if it was."""
    return primary.uid != (pod or primary.uid) or primary.leaves or silent_seconds > UNREADY_SECONDS


def promotable(replicas: Collection[Instance], quorum: Quorum, reached: int | None) -> str | None:
    """The replica that is furthest, unless a commit may be missing in it. `reached` is how far the primary was seen."""
    answers = {one.name: one.answer.reached for one in replicas if one.answer and not one.answer.is_primary}
    if reached is None or not quorum.holds(len(answers)):
        return None
    best = max(sorted(answers), key=lambda name: answers[name], default=None)
    return best if best is not None and answers[best] >= reached else None


def elected(current: str, fenced: bool, instances: Mapping[str, Instance], quorum: Quorum, reached: int | None) -> str:
    """The next targetPrimary while it is pending: a replica, or the old primary again if none is good enough."""
    replicas = [one for one in instances.values() if one.name != current]
    if not fenced or any(one.answer and one.answer.is_receiving for one in replicas):
        return PENDING
    return promotable(replicas, quorum, reached) or current
