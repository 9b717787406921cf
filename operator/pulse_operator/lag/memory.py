"""What earlier answers of one Kafka access still tell, so that little has to be asked again. Pure: time comes in.

A pipeline at rest costs one question: where its partitions end. If no end moved since a look that found no lag, the
group cannot have fallen behind, whatever it committed since. Only a reset of its offsets can, so it is asked again
after a minute all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pulse_operator.lag.answer import Wanted
from pulse_operator.scaling.observation import PartitionOffsets

COUNTS_SECONDS = 60.0
POSITIONS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Seen:
    partitions: Mapping[int, PartitionOffsets]
    at: float


@dataclass(slots=True)
class Memory:
    """Partition counts by topic, and the last whole answer for each group."""

    _counts: dict[str, tuple[int, float]] = field(default_factory=dict)
    _seen: dict[Wanted, _Seen] = field(default_factory=dict)

    def count(self, topic: str, now: float) -> int | None:
        """How many partitions the topic has; None if that is not known, or too old."""
        count, at = self._counts.get(topic, (0, 0.0))
        return count if count and now - at < COUNTS_SECONDS else None

    def keep_count(self, topic: str, count: int, now: float) -> None:
        self._counts[topic] = count, now

    def forget_count(self, topic: str) -> None:
        """The topic is not as remembered: look again next time."""
        self._counts.pop(topic, None)

    def unmoved(self, wanted: Wanted, ends: Mapping[int, int], now: float) -> Mapping[int, PartitionOffsets] | None:
        """The last answer, if it is still the whole truth for partitions that end there."""
        seen = self._seen.get(wanted)
        if seen is None or now - seen.at >= POSITIONS_SECONDS:
            return None
        if any(offsets.lag for offsets in seen.partitions.values()):
            return None
        return seen.partitions if {n: offsets.end for n, offsets in seen.partitions.items()} == ends else None

    def keep_answer(self, wanted: Wanted, partitions: Mapping[int, PartitionOffsets], now: float) -> None:
        self._seen[wanted] = _Seen(partitions, now)

    def keep_only(self, wanted: Iterable[Wanted]) -> None:
        """Drops what nobody asks for any more."""
        asked = set(wanted)
        topics = {one.topic for one in asked}
        for gone in self._seen.keys() - asked:
            del self._seen[gone]
        for topic in self._counts.keys() - topics:
            del self._counts[topic]
