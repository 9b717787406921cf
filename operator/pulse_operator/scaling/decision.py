"""What the autoscaler says: how many replicas, why, and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pulse_operator.scaling.memory import Memory


class Reason(Enum):
    """Why the number is what it is. The words are part of the interface: they stand in status, Events and metrics."""

    STEADY = "Steady"
    LAG_ABOVE = "LagAbove"
    DRAIN_TOO_SLOW = "DrainTooSlow"
    TRAFFIC_NEAR_CAPACITY = "TrafficNearCapacity"
    COLD_START = "ColdStart"
    SCALE_DOWN = "ScaleDown"
    SCALE_DOWN_DELAY = "ScaleDownDelay"
    IDLE = "Idle"
    QUIET_AFTER_CHANGE = "QuietAfterChange"
    PODS_NOT_READY = "PodsNotReady"
    LAG_UNKNOWN_HOLD = "LagUnknownHold"
    LAG_UNKNOWN_START = "LagUnknownStart"
    PARTITION_CAP = "PartitionCap"
    MAXIMUM_REACHED = "MaximumReached"
    BELOW_MINIMUM = "BelowMinimum"
    ABOVE_MAXIMUM = "AboveMaximum"
    INEFFECTIVE_SCALE_UP = "IneffectiveScaleUp"
    STALLED_PARTITIONS = "StalledPartitions"
    RECOMMENDED = "Recommended"
    OFF = "Off"


class Limit(Enum):
    """What kept the number below the wanted one."""

    PARTITION_COUNT = "PartitionCount"
    MAXIMUM = "Maximum"
    INEFFECTIVE_SCALE_UP = "IneffectiveScaleUp"


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer. `replicas` is to be set; `recommended` is what Auto would set, whatever the mode."""

    replicas: int
    recommended: int
    reason: Reason
    message: str
    memory: Memory
    lag: int | None = None  # of all partitions, stalled ones included; None if unknown
    drain_seconds: float | None = None  # None: unknown, or the backlog does not shrink
    limited_by: Limit | None = None
    stalled: tuple[int, ...] = ()
