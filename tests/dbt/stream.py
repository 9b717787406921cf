"""A topic and the groups that read it, in memory: what every commit of theirs leaves in the raw schema.

Keeps the consumer's rules: the first row of an event_id stays, an offset moves only with the rows up to it, and every
move of it by a person is noted with a higher epoch.
"""

from __future__ import annotations

import random
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from .events import Event, instant
from .history import Batch, DeadLetter
from .raw import Changes, Commit, Move, Place, Position, Reader

TOPIC = "t"


@dataclass(frozen=True)
class Bad:
    """A record that can never become an event."""

    reason_class: str


@dataclass
class Partition:
    """A partition's log: its records by offset, and the offset behind the last one."""

    low: int
    records: dict[int, Event | Bad] = field(default_factory=dict)
    end: int = 0

    def __post_init__(self) -> None:
        self.end = self.low

    def append(self, record: Event | Bad, missing: int) -> None:
        """The record, behind so many offsets that hold none."""
        self.records[self.end + missing] = record
        self.end += missing + 1

    def next_offset(self, start: int, count: int) -> int:
        """The offset behind the next `count` records from `start` on; `start` if there is none."""
        found = sorted(offset for offset in self.records if offset >= start)[:count]
        return found[-1] + 1 if found else start


class Stream:
    """The topic, its groups, and what they committed since somebody last took it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._clock = instant(rng)
        self._stored: dict[uuid.UUID, Event] = {}
        self._letters: set[Place] = set()
        self._reached: dict[tuple[uuid.UUID, int], int] = {}
        self._changes = Changes()
        self._partitions: list[Partition] = []
        self._positions: dict[Reader, Position] = {}
        self.groups = ["g"]
        self.create_again(rng.randrange(1, 3))

    def create_again(self, partitions: int) -> None:
        """The topic is deleted and made anew, and every group is sent to the beginning of its new log."""
        self._topic_id = uuid.UUID(int=self._rng.getrandbits(128), version=4)
        # A log that retention has cut begins anywhere.
        self._partitions = [Partition(self._rng.choice((0, 0, 700, 2_999))) for _ in range(partitions)]
        for reader in list(self._positions):
            if reader.partition < partitions:
                self.move(reader, self._partitions[reader.partition].low)

    def add_partition(self) -> None:
        self._partitions.append(Partition(0))

    def send(self, record: Event | Bad, missing: int = 0) -> None:
        """Appends it, an event to the partition of its user."""
        if isinstance(record, Event):
            number = zlib.crc32(record.user_id.encode()) % len(self._partitions)
        else:
            number = self._rng.randrange(len(self._partitions))
        self._partitions[number].append(record, missing)

    def unread(self) -> list[Event]:
        """Events in the log that nobody has stored."""
        records = (record for partition in self._partitions for record in partition.records.values())
        events = {record.event_id: record for record in records if isinstance(record, Event)}
        return [event for event_id, event in events.items() if event_id not in self._stored]

    def readers(self, group: str) -> list[Reader]:
        return [Reader(group, TOPIC, number) for number in range(len(self._partitions))]

    def position(self, reader: Reader) -> Position:
        """Where the group stands; it starts with the partition now if it never had it, or had it of a topic before."""
        known = self._positions.get(reader)
        if known is None or known.topic_id != self._topic_id:
            self._set(reader, "reset" if known else "consume", self._partitions[reader.partition].low)
        return self._positions[reader]

    def move(self, reader: Reader, next_offset: int) -> None:
        """`pulse offsets reset`."""
        self._set(reader, "reset", next_offset)

    def take_over(self, reader: Reader) -> None:
        """Another consumer of the group gets the partition."""
        self._stand(reader, self.position(reader)._replace(epoch=self.position(reader).epoch + 1))

    def skip(self, reader: Reader, count: int) -> Position:
        """The group is moved forward over so many records. Where it stood."""
        before = self.position(reader)
        self.move(reader, self._partitions[reader.partition].next_offset(before.next_offset, count))
        return before

    def read(self, reader: Reader, count: int) -> bool:
        """Commits the next `count` records as one batch; False if there is none."""
        before = self.position(reader)
        partition = self._partitions[reader.partition]
        following = partition.next_offset(before.next_offset, count)
        if following == before.next_offset:
            return False
        outcomes = {"inserted": 0, "duplicate": 0, "conflict": 0, "dead": 0}
        self._clock += timedelta(seconds=self._rng.randrange(40_000))
        for offset in sorted(partition.records):
            if before.next_offset <= offset < following:
                place = Place(self._topic_id, reader.partition, offset)
                outcomes[self._store(place, reader, partition.records[offset])] += 1
        self._changes.commits.append(Commit(reader, before, following, Batch(self._clock, **outcomes)))
        place_read = (self._topic_id, reader.partition)
        self._reached[place_read] = max(self._reached.get(place_read, 0), following)
        self._stand(reader, before._replace(next_offset=following))
        return True

    def read_all(self, readers: Iterable[Reader]) -> None:
        for reader in readers:
            while self.read(reader, self._rng.randrange(1, 60)):
                pass

    def ahead(self) -> list[Reader]:
        """Those readers behind whom nothing was stored yet, one for each partition that was read before."""
        found = {
            reader.partition: reader
            for reader, position in self._positions.items()
            if position.topic_id == self._topic_id
            and position.next_offset >= self._reached.get((self._topic_id, reader.partition), position.next_offset + 1)
        }
        return list(found.values())

    def taken(self) -> Changes:
        """What was committed since the last time."""
        taken, self._changes = self._changes, Changes()
        return taken

    def _store(self, place: Place, reader: Reader, record: Event | Bad) -> str:
        if isinstance(record, Bad):
            if place not in self._letters:
                self._letters.add(place)
                self._changes.letters.append((place, reader, DeadLetter(self._clock, record.reason_class)))
            return "dead"
        known = self._stored.get(record.event_id)
        if known is not None:
            return "duplicate" if known == record else "conflict"
        self._stored[record.event_id] = record
        self._changes.events.append((place, record))
        return "inserted"

    def _set(self, reader: Reader, command: str, next_offset: int) -> None:
        old = self._positions.get(reader)
        new = Position(self._topic_id, next_offset, old.epoch + 1 if old else 1)
        self._changes.moves.append(Move(command, reader, old, new))
        self._stand(reader, new)

    def _stand(self, reader: Reader, position: Position) -> None:
        self._positions[reader] = position
        self._changes.positions[reader] = position
