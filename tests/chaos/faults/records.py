"""Faults of what is sent."""

from __future__ import annotations

from chaos.faults.base import Fault
from chaos.world import World

FLOOD = 1_500
HOUR_MS = 3_600_000
YEAR_MS = 8_766 * HOUR_MS
# Before the earliest time that the contract accepts, long ago, a little ahead (kept), too far ahead (dead letters).
CLOCKS_MS = (-36 * YEAR_MS, -20 * YEAR_MS, HOUR_MS // 2, 30 * HOUR_MS)


class Flood(Fault):
    """Malformed records of every kind, many times as many as a batch holds."""

    name = "malformed-flood"
    subject = "records"

    def inject(self, world: World) -> None:
        world.traffic.flood(FLOOD)


class WrongClock(Fault):
    """The producer's clock is wrong by years or hours, in event times and in the ids that hold a time.

    The broker stamps with its own clock, as Pulse's topics have it.
    """

    name = "producer-clock-wrong"
    subject = "records"

    def inject(self, world: World) -> None:
        world.traffic.clock_ahead_ms = self._rng.choice(CLOCKS_MS)

    def heal(self, world: World) -> None:
        world.traffic.clock_ahead_ms = 0


class WrongRecordTime(WrongClock):
    """The same on a topic that keeps the producer's time (CreateTime): the record's own time is wrong too."""

    name = "record-time-wrong"

    def inject(self, world: World) -> None:
        limit = str(2**63 - 1)  # the broker would refuse what lies far from its clock
        world.set_topic(
            world.plan.events,
            message_timestamp_type="CreateTime",
            message_timestamp_before_max_ms=limit,
            message_timestamp_after_max_ms=limit,
        )
        super().inject(world)

    def heal(self, world: World) -> None:
        super().heal(world)
        world.set_topic(world.plan.events, message_timestamp_type="LogAppendTime")


FAULTS: list[type[Fault]] = [Flood, WrongClock, WrongRecordTime]
