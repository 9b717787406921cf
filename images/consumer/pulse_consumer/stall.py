"""Notices a Kafka client that delivers nothing although records wait. Pure: the caller brings clock and offsets.

It exists because librdkafka can lose a broker for good: seen with 2.16 when a broker came back under another address
and the connection to the group's coordinator failed its TLS handshake for want of a name. No error reaches the
application. A new client reads on at once.
"""

from __future__ import annotations

from collections.abc import Mapping

STALL_SECONDS = 30.0  # without a record, before it is looked whether any waits


class StallWatch:
    """Outlives sessions, so that what a new client cannot read either ends no further one."""

    def __init__(self) -> None:
        self._since = 0.0
        self._known: dict[int, int] = {}

    def note(self, now: float) -> None:
        """Records were delivered, or there is a reason why none are."""
        self._since = now

    def due(self, now: float) -> bool:
        """Whether it is time to look; the next time is as long again after this one."""
        if now - self._since < STALL_SECONDS:
            return False
        self._since = now
        return True

    def unread(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
        """How many offsets wait in each partition; without those that have been told before.

        What is told once and still cannot be read is no fault of the client: markers of transactions, for one.
        """
        waiting = {
            partition: end - positions[partition]
            for partition, end in ends.items()
            if partition in positions and end > positions[partition] and self._known.get(partition) != end
        }
        self._known.update({partition: ends[partition] for partition in waiting})
        return waiting
