"""The simulated group: a queue of events, partitions that fill, pods that start, take partitions over and read.

Between two events rates are constant, so the flow is exact up to one second. It knows no autoscaler: one is given to
it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from bench.autoscaler.constants import (
    COMMIT_SECONDS,
    DATABASE_CONTENTION,
    PARTITIONS,
    POD_RECORDS_PER_SECOND,
    POD_START_JITTER,
    POD_START_SECONDS,
    REBALANCE_SECONDS,
)
from bench.autoscaler.traces import Trace

TICK_SECONDS = 1.0


@dataclass
class Partition:
    """A log and the group's position in it."""

    start: float
    end: float
    read: float
    committed: float | None
    read_before: float  # at the last tick
    owner: int = -1
    still_until: float = 0.0

    @property
    def waiting(self) -> float:
        return self.end - self.read


@dataclass
class World:
    """One run of one trace."""

    trace: Trace
    seed: int
    now: float = 0.0
    wanted: int = 0
    pods: list[int] = field(default_factory=list)  # at work
    starting: set[int] = field(default_factory=set)
    changes: list[tuple[float, int, int]] = field(default_factory=list)
    behind: list[tuple[float, float]] = field(default_factory=list)  # (time, records waiting)
    pod_seconds: float = 0.0

    def __post_init__(self) -> None:
        trace = self.trace
        self._numbers = count()
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._chance = random.Random(f"{trace.name}/{self.seed}")
        self._starts = random.Random(f"pods/{trace.name}/{self.seed}")
        first = trace.expired + (0.0 if not trace.committed else 1_000.0)
        self.partitions = [
            Partition(first, first + trace.backlog, first, first - trace.expired if trace.committed else None, first)
            for _ in range(PARTITIONS)
        ]
        self.wanted = trace.pods
        self.pods = [next(self._numbers) for _ in range(trace.pods)]
        self._share_out(pause=False)
        self._rate = self._next_rate()

    # What an autoscaler may see and do

    @property
    def blind(self) -> bool:
        return self.trace.blind[0] <= self.now < self.trace.blind[1]

    @property
    def ready(self) -> int:
        return len(self.pods)

    def offsets(self) -> list[tuple[int, int, int | None]]:
        """(log start, log end, committed) of each partition, as a broker would answer."""
        return [
            (int(p.start), int(p.end) + self.trace.markers, None if p.committed is None else int(p.committed))
            for p in self.partitions
        ]

    def scale_to(self, replicas: int) -> None:
        """Sets the wanted number: new pods start, the newest leave at once."""
        if replicas == self.wanted:
            return
        self.changes.append((self.now, self.wanted, replicas))
        self.wanted = replicas
        while len(self.pods) + len(self.starting) < replicas:
            number = next(self._numbers)
            self.starting.add(number)
            takes = POD_START_SECONDS * (1 + POD_START_JITTER * (2 * self._starts.random() - 1))
            self.at(self.now + takes, lambda number=number: self._join(number))  # type: ignore[misc]
        while len(self.pods) + len(self.starting) > replicas:
            if self.starting:
                self.starting.discard(max(self.starting))
            else:
                self.pods.pop()
        self._share_out()

    # The queue of events

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), what))

    def every(self, period: float, what: Callable[[], None]) -> None:
        """Calls again and again; where in the period it begins is the seed's choice."""

        def again() -> None:
            what()
            self.at(self.now + period, again)

        self.at(random.Random(f"{period}/{self.seed}").random() * period, again)

    def run(self) -> None:
        """To the end of the trace."""
        self.at(TICK_SECONDS, self._tick)
        while self._events and self._events[0][0] <= self.trace.seconds:
            when, _, what = heapq.heappop(self._events)
            self._flow(when - self.now)
            self.now = when
            what()

    # How it moves

    def _tick(self) -> None:
        for partition in self.partitions:
            late = self._chance.random() * COMMIT_SECONDS / TICK_SECONDS
            reached = partition.read - late * (partition.read - partition.read_before)
            partition.read_before = partition.read
            if partition.read > partition.start:
                partition.committed = max(partition.committed or 0.0, reached)
        stuck = self.trace.stuck[0] if self.now >= self.trace.stuck[1][0] else -1
        waiting = sum(p.waiting for number, p in enumerate(self.partitions) if number != stuck)
        self.behind.append((self.now, waiting))
        self._rate = self._next_rate()
        self.at(self.now + TICK_SECONDS, self._tick)

    def _next_rate(self) -> float:
        factor = 1 + self.trace.noise * (2 * self._chance.random() - 1)
        return self.trace.traffic(self.now) * factor

    def _flow(self, seconds: float) -> None:
        """Lets records come and be read for a while in which nothing else happens."""
        if seconds <= 0:
            return
        self.pod_seconds += self.wanted * seconds
        written = self._rate * seconds / sum(self.trace.weights)
        for partition, weight in zip(self.partitions, self.trace.weights, strict=True):
            partition.end += written * weight
        work = self._readable()
        waiting = {pod: sum(p.end - p.read for p in held) for pod, held in work.items()}
        able = {pod: min(POD_RECORDS_PER_SECOND * seconds, records) for pod, records in waiting.items()}
        taken = sum(able.values())
        share = min(1.0, self._database() * seconds / taken) if taken else 0.0
        for pod, held in work.items():
            if share < 1 or able[pod] < waiting[pod]:
                _read_evenly(held, able[pod] * share)
            else:
                for partition in held:
                    partition.read = partition.end

    def _database(self) -> float:
        """Records per second that the database takes; less when more pods than it needs crowd it."""
        if math.isinf(self.trace.database):
            return math.inf
        too_many = max(0, len(self.pods) - math.ceil(self.trace.database / POD_RECORDS_PER_SECOND))
        return self.trace.database / (1 + DATABASE_CONTENTION * too_many)

    def _readable(self) -> dict[int, list[Partition]]:
        """What each pod can read from now."""
        number, (since, until) = self.trace.stuck
        stuck = number if since <= self.now < until else -1
        found: dict[int, list[Partition]] = {pod: [] for pod in self.pods}
        for index, partition in enumerate(self.partitions):
            if partition.owner >= 0 and self.now >= partition.still_until and index != stuck:
                found[partition.owner].append(partition)
        return found

    def _join(self, number: int) -> None:
        if number in self.starting:
            self.starting.discard(number)
            self.pods.append(number)
            self._share_out()

    def _share_out(self, pause: bool = True) -> None:
        """Gives partitions to pods as a sticky assignor does: few change hands, and those stand still."""
        if not self.pods:
            for partition in self.partitions:
                partition.owner = -1
            return
        fair, extra = divmod(PARTITIONS, len(self.pods))
        held = {pod: [p for p in self.partitions if p.owner == pod] for pod in self.pods}
        homeless = [p for p in self.partitions if p.owner not in held]
        for rank, pod in enumerate(sorted(self.pods, key=lambda pod: -len(held[pod]))):
            quota = fair + (rank < extra)
            homeless += held[pod][quota:]
            held[pod] = held[pod][:quota]
        for rank, pod in enumerate(sorted(self.pods, key=lambda pod: -len(held[pod]))):
            for partition in [homeless.pop() for _ in range(fair + (rank < extra) - len(held[pod])) if homeless]:
                partition.owner = pod
                partition.still_until = self.now + REBALANCE_SECONDS if pause else 0.0


def _read_evenly(partitions: list[Partition], records: float) -> None:
    """Reads that many records, from each partition the same as far as it has them."""
    for left, partition in zip(range(len(partitions), 0, -1), sorted(partitions, key=lambda p: p.waiting), strict=True):
        taken = min(partition.waiting, records / left)
        partition.read += taken
        records -= taken
