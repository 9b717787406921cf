"""What the user wants of the autoscaler, and the defaults with their reasons. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pulse.errors import SettingsError


class Mode(Enum):
    """Whether decisions are carried out."""

    AUTO = "Auto"
    RECOMMEND = "Recommend"
    OFF = "Off"


@dataclass(frozen=True, slots=True)
class Policy:
    """How one pipeline is scaled. SettingsError if the numbers contradict each other."""

    partitions: int  # of the topic, as far as known; an observation that lists partitions overrules it
    mode: Mode = Mode.AUTO
    minimum: int = 1  # 0 allows to scale to zero
    maximum: int | None = None  # None: as many as there are partitions
    # About two seconds of work for one consumer at the rates measured on small machines. What has been read and not yet
    # been committed is lag too: with much less than this a replica would be added for that alone.
    target_lag_per_replica: int = 100_000
    target_drain_seconds: float = 300.0
    # Lag of one partition up to this counts as none: markers of transactions occupy offsets that nobody consumes.
    tolerance: int = 10
    poll_seconds: float = 10.0
    window_seconds: float = 60.0  # of the averages
    # How long the group is left alone after pods came or went. A pod's start is not part of it: the time counts from
    # the last change of the number of ready pods.
    quiet_seconds: float = 20.0
    # A pod that never gets ready keeps the group unsettled; after this long that no longer holds a decision back.
    settle_limit_seconds: float = 300.0
    # From a decision to a new pod at work: the lag that will have come up by then is taken into account.
    start_seconds: float = 20.0
    # A step that turns out to be too small by this factor, before any of its pods joined, is made larger at once.
    correction: float = 2.0
    scale_down_seconds: float = 600.0  # fewer must be enough for this long, without a break
    # Traffic above this share of what the replicas can do asks for more before there is any lag. Fewer replicas must
    # be able to carry it at the lower share; the distance between the two is what keeps the number still.
    most_utilisation: float = 0.9
    utilisation: float = 0.7
    # Records per second that a replica is trusted with while it was never seen at its limit: a third of the least
    # that was measured.
    trusted_rate: float = 20_000.0
    idle_seconds: float = 300.0  # without one new record, before zero
    stall_polls: int = 3
    # After a scale-up and once settled: how long throughput is watched, and which share of the hoped-for gain counts.
    effect_seconds: float = 60.0
    least_gain: float = 0.1
    undo_seconds: float = 300.0  # from the scale-up to its undoing: a quicker one would be a flap
    remember_seconds: float = 3600.0  # that more replicas did not help
    capacity_seconds: float = 86_400.0  # what one replica was seen to manage

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise SettingsError(f"partitions is {self.partitions}: a topic has at least one")
        if self.minimum < 0:
            raise SettingsError(f"scaling.min is {self.minimum}: give 0 (may scale to zero) or more")
        if self.maximum is not None and self.maximum < max(1, self.minimum):
            raise SettingsError(
                f"scaling.max is {self.maximum}, below scaling.min ({self.minimum}) or below 1: raise max or lower min"
            )
        for name in ("target_lag_per_replica", "target_drain_seconds", "poll_seconds", "window_seconds", "stall_polls"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"scaling.{name} is {getattr(self, name)}: give a number above 0")
        if not 0 < self.utilisation < self.most_utilisation <= 1:
            raise SettingsError(
                f"scaling.utilisation is {self.utilisation} and most_utilisation {self.most_utilisation}: "
                "give shares above 0, at most 1, the first below the second"
            )
