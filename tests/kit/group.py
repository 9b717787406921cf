"""A consumer group for tests of the autoscaler: it does what it is told, poll by poll, without a broker."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pulse_operator.scaling import Decision, Memory, Observation, PartitionOffsets, Policy, decide

PARTITIONS = 12
TARGET = 100_000


class Group:
    """A group that does what it is told: offsets move as the test says, replicas as the decision says."""

    def __init__(self, replicas: int = 1, partitions: int = PARTITIONS, **policy: Any) -> None:
        self.policy = Policy(partitions, **{"target_lag_per_replica": TARGET, **policy})
        self.at, self.replicas, self.ready = 1_000.0, replicas, replicas
        self.offsets = {number: PartitionOffsets(0, 0, 0) for number in range(partitions)}
        self.memory = Memory()

    def see(self, unknown: str = "", seconds: float = 10.0) -> Decision:
        """One poll, the memory carried through its stored form. Its decision is not carried out."""
        self.at += seconds
        seen = Observation(self.at, self.replicas, self.ready, {} if unknown else self.offsets, unknown)
        decision = decide(seen, self.policy, Memory.from_dict(json.loads(json.dumps(self.memory.to_dict()))))
        self.memory = decision.memory
        return decision

    def poll(self, written: float = 0, read: float = 0, seconds: float = 10.0) -> Decision:
        """So many records a second written and read, evenly; then a poll whose decision is carried out at once."""
        for number in self.offsets:
            self.move(number, written * seconds / len(self.offsets), read * seconds / len(self.offsets))
        decision = self.see(seconds=seconds)
        self.ready = min(self.replicas, decision.replicas)  # a new pod is ready one poll later
        self.replicas = decision.replicas
        return decision

    def until_changed(self, written: float = 0, read: float = 0) -> Decision:
        """Polls until the replicas change; half an hour at most."""
        before = self.replicas
        return next(d for d in (self.poll(written, read) for _ in range(180)) if d.replicas != before)

    def polls(self, count: int, written: float = 0, read: float = 0) -> Decision:
        decisions = [self.poll(written, read) for _ in range(count)]
        return decisions[-1]

    def move(self, number: int, written: float = 0, read: float = 0) -> None:
        was = self.offsets[number]
        end = was.end + int(written)
        committed = was.committed
        if read:
            committed = min(end, max(was.committed or 0, was.start) + int(read))
        self.offsets[number] = replace(was, end=end, committed=committed)

    def backlog(self, records: int) -> None:
        for number in self.offsets:
            self.move(number, written=records / len(self.offsets))


def saturated(replicas: int = 1, rate: float = 60_000, **policy: Any) -> Group:
    """A group that has shown what one replica can do, and has no lag any more; twenty minutes ago."""
    group = Group(replicas, maximum=replicas, **policy)
    group.backlog(int(rate * replicas * 60))
    group.poll(rate * replicas, rate * replicas)
    group.polls(2, rate * replicas, rate * replicas)
    group.polls(9, 0, rate * replicas)
    group.polls(7)  # nothing of this is in the averages any more
    assert group.memory.capacity == pytest.approx(rate, rel=0.01)
    group.policy = replace(group.policy, maximum=policy.get("maximum"))
    group.memory = replace(group.memory, low_since=None, low_most=0)
    return group
