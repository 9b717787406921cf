"""Notices a Kafka client that delivers nothing although records wait. Pure: the caller brings clock and offsets.

It exists because librdkafka can lose a broker for good: seen with 2.16 when a broker came back under another address
and the connection to the group's coordinator failed its TLS handshake for want of a name. No error reaches the
application. A new client reads on at once.
"""

from __future__ import annotations

from collections.abc import Mapping

LOOK_SECONDS = 15.0  # from one look to the next; three of them find a client that is deaf


class StallWatch:
    """Partition by partition, as a client may have lost one broker of several. Outlives sessions, so that what a new
    client cannot read either ends no further one."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """Nothing before now counts: a client is new, or there is a reason why it delivers nothing."""
        self._looked_at = now
        self._positions: Mapping[int, int] = {}
        self._ends: Mapping[int, int] = {}

    def silent(self, positions: Mapping[int, int], now: float) -> dict[int, int]:
        """The positions that have not moved since the last look, once it is time for the next."""
        if now - self._looked_at < LOOK_SECONDS:
            return {}
        before, self._looked_at, self._positions = self._positions, now, dict(positions)
        return {partition: at for partition, at in positions.items() if before.get(partition) == at}

    def unread(self, silent: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
        """How many offsets have waited in each silent partition since the look before; those told before left out.

        A record that came a moment ago may be on its way, hence the look before. What is told once and still cannot
        be read is no fault of the client: markers of transactions, for one.
        """
        before, self._ends = self._ends, dict(ends)
        waited = {partition: end for partition, end in before.items() if end > silent.get(partition, end)}
        new = {partition: end for partition, end in waited.items() if self._told.get(partition) != end}
        read = {partition for partition, at in silent.items() if ends[partition] <= at}
        self._told = {partition: end for partition, end in (self._told | new).items() if partition not in read}
        return {partition: end - silent[partition] for partition, end in new.items()}
