"""What was read and not yet written, by partition. Pure: it says when a batch is full and waits for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from pulse_consumer.deadletter import DeadLetter
from pulse_consumer.record import Record


@dataclass(slots=True)
class Part:
    """The share of one partition: the rows to store, their records, and the records that are dead letters.

    `first` is the offset at which the part starts, whether or not the log still holds a record there; `next` is the one
    behind the last record read. `rows[i]` was made from `records[i]`.
    """

    epoch: int
    first: int
    next: int
    rows: list[bytes] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)

    @property
    def read(self) -> int:
        return len(self.rows) + len(self.dead)

    @property
    def skipped(self) -> int:
        """Offsets in the range that the log does not hold."""
        return self.next - self.first - self.read


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is full."""

    rows: int
    bytes: int
    linger: timedelta


@dataclass(slots=True)
class Batch:
    """Everything that one transaction will write."""

    started_at: float
    parts: dict[int, Part] = field(default_factory=dict)
    bytes: int = 0
    read: int = 0

    def part(self, partition: int, epoch: int, position: int) -> Part:
        """The partition's part; a new one starts at `position`."""
        found = self.parts.get(partition)
        if found is None:
            found = self.parts[partition] = Part(epoch, position, position)
        return found

    def drop(self, partition: int) -> None:
        """Forgets a partition that somebody else owns now; its records are read again there."""
        gone = self.parts.pop(partition, None)
        if gone is not None:
            self.read -= gone.read

    def room(self, limits: Limits) -> int:
        """How many more records fit; 0 when the batch is full."""
        return 0 if self.bytes >= limits.bytes else max(0, limits.rows - self.read)

    def due(self, limits: Limits, now: float) -> bool:
        """Whether it is time to write: full, or its oldest record has waited long enough."""
        return bool(self.parts) and (self.room(limits) == 0 or now - self.started_at >= limits.linger.total_seconds())
