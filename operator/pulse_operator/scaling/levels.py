"""Arithmetic of partitions and replicas.

A partition is read by one replica only, so what counts is how many partitions the busiest replica has. Two numbers of
replicas with the same busiest replica drain equally fast; the smaller one is then the better one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traffic:
    """Records per second in all partitions together, and in the one that gets the most."""

    partitions: int
    per_second: float
    hottest: float

    @property
    def each_other(self) -> float:
        """In each partition but the hottest, on average."""
        return max(0.0, self.per_second - self.hottest) / max(1, self.partitions - 1)


def busiest(replicas: int, partitions: int) -> int:
    """How many partitions the busiest of the replicas has."""
    return math.ceil(partitions / replicas)


def fewest(replicas: int, partitions: int) -> int:
    """The smallest number of replicas whose busiest has no more partitions than with `replicas`."""
    return math.ceil(partitions / busiest(min(replicas, partitions), partitions)) if replicas > 0 else 0


def busiest_rate(replicas: int, traffic: Traffic) -> float:
    """Records per second for the busiest replica, if the busiest partition is one of its own."""
    return traffic.hottest + (busiest(replicas, traffic.partitions) - 1) * traffic.each_other


def for_rate(traffic: Traffic, capacity: float) -> int:
    """Replicas whose busiest one gets no more than `capacity` per second.

    More than there are partitions if even a partition of its own is too much for a replica.
    """
    if traffic.hottest > capacity:
        return max(traffic.partitions + 1, math.ceil(traffic.per_second / capacity))
    if not traffic.each_other:
        return 1
    carried = 1 + math.floor((capacity - traffic.hottest) / traffic.each_other)  # partitions that one replica can carry
    return math.ceil(traffic.partitions / min(carried, traffic.partitions))
