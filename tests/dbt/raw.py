"""Rows of the raw schema, and writing them there as the consumer would."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from .events import Event
from .history import Batch, DeadLetter, History

TOPIC_ID = uuid.UUID(int=1)  # of a flat history
TABLES = ("raw.events", "raw.batches", "raw.dead_letters", "raw.offset_moves", "raw.consumer_offsets")

_EVENTS = """
copy raw.events (event_id, event_type, user_id, event_timestamp, page, category, funnel_step_index, anonymous_id,
    properties, received_at, kafka_timestamp, kafka_timestamp_trusted, fingerprint, topic_id, kafka_partition,
    kafka_offset) from stdin
"""
_BATCHES = """
copy raw.batches (consumer_group, topic_id, partition_id, epoch, first_offset, next_offset, read, inserted, duplicate,
    conflict, dead, skipped, committed_at) from stdin
"""
_LETTERS = """
copy raw.dead_letters (topic_id, partition_id, kafka_offset, topic, class, reason, consumer_group, version, first_seen)
from stdin
"""
_MOVES = """
copy raw.offset_moves (command, consumer_group, topic, topic_id, partition_id, old_topic_id, old_next_offset, old_epoch,
    next_offset, epoch) from stdin
"""
_POSITIONS = """
insert into raw.consumer_offsets (consumer_group, topic, partition_id, topic_id, next_offset, epoch)
values (%s, %s, %s, %s, %s, %s)
on conflict (consumer_group, topic, partition_id) do update
    set topic_id = excluded.topic_id, next_offset = excluded.next_offset, epoch = excluded.epoch
"""


class Place(NamedTuple):
    """Where a record stands."""

    topic_id: uuid.UUID
    partition: int
    offset: int


class Reader(NamedTuple):
    """Whose offset it is: a group on a partition of the topic of this name."""

    group: str
    topic: str
    partition: int


class Position(NamedTuple):
    """Where a group stands on a partition."""

    topic_id: uuid.UUID
    next_offset: int
    epoch: int


@dataclass(frozen=True)
class Commit:
    """A batch, and who read what with it."""

    reader: Reader
    before: Position
    next_offset: int
    batch: Batch


@dataclass(frozen=True)
class Move:
    """A row of raw.offset_moves."""

    command: str
    reader: Reader
    old: Position | None
    new: Position


@dataclass
class Changes:
    """What is added to the raw schema, and where the groups stand then."""

    events: list[tuple[Place, Event]] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    letters: list[tuple[Place, Reader, DeadLetter]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    positions: dict[Reader, Position] = field(default_factory=dict)

    def followed_by(self, later: Changes) -> Changes:
        """Both in one."""
        return Changes(
            self.events + later.events,
            self.commits + later.commits,
            self.letters + later.letters,
            self.moves + later.moves,
            self.positions | later.positions,
        )

    def add_to(self, history: History) -> None:
        """What the marts can count of it."""
        history.events += [event for _, event in self.events]
        history.batches += [commit.batch for commit in self.commits]
        history.dead_letters += [letter for _, _, letter in self.letters]


def write(connection: psycopg.Connection[Any], changes: Changes) -> None:
    """Stores the changes in one transaction."""
    with connection.transaction(), connection.cursor() as cursor:
        _copy(cursor, _EVENTS, (_event_row(place, event) for place, event in changes.events))
        _copy(cursor, _BATCHES, map(_batch_row, changes.commits))
        _copy(cursor, _LETTERS, (_letter_row(*letter) for letter in changes.letters))
        _copy(cursor, _MOVES, map(_move_row, changes.moves))
        if changes.positions:
            cursor.executemany(_POSITIONS, [(*reader, *position) for reader, position in changes.positions.items()])


def _copy(cursor: psycopg.Cursor[Any], statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    waiting = list(rows)
    if waiting:
        with cursor.copy(statement.encode()) as copy:
            for row in waiting:
                copy.write_row(row)


def _event_row(place: Place, event: Event) -> tuple[object, ...]:
    return (
        event.event_id,
        event.event_type,
        event.user_id,
        event.event_timestamp,
        event.page,
        event.category,
        event.funnel_step_index,
        event.anonymous_id,
        None if event.properties is None else Jsonb(event.properties),
        event.received_at,
        event.kafka_timestamp,
        event.kafka_timestamp_trusted,
        event.event_id.bytes,
        *place,
    )


def _batch_row(commit: Commit) -> tuple[object, ...]:
    reader, before, batch = commit.reader, commit.before, commit.batch
    read = batch.inserted + batch.duplicate + batch.conflict + batch.dead
    skipped = commit.next_offset - before.next_offset - read
    range_read = (before.topic_id, reader.partition, before.epoch, before.next_offset, commit.next_offset)
    counts = (read, batch.inserted, batch.duplicate, batch.conflict, batch.dead, skipped)
    return (reader.group, *range_read, *counts, batch.committed_at)


def _letter_row(place: Place, reader: Reader, letter: DeadLetter) -> tuple[object, ...]:
    return (*place, reader.topic, letter.reason_class, "made up", reader.group, "0", letter.first_seen)


def _move_row(move: Move) -> tuple[object, ...]:
    reader, new = move.reader, move.new
    place = (move.command, reader.group, reader.topic, new.topic_id, reader.partition)
    return (*place, *(move.old or (None, None, None)), new.next_offset, new.epoch)


# The counts of the made-up batches of a flat history have nothing to do with its events; so many offsets bring all of
# them into reach.
_SKIPPED = 1_000_000


def changes_of(history: History) -> Changes:
    """The history's rows as one group would have read them from one partition."""
    reader = Reader("g", "t", 0)
    changes = Changes()
    position = Position(TOPIC_ID, 0, 1)
    changes.moves.append(Move("consume", reader, None, position))
    for batch in history.batches:
        read = batch.inserted + batch.duplicate + batch.conflict + batch.dead
        commit = Commit(reader, position, position.next_offset + read + _SKIPPED, batch)
        changes.commits.append(commit)
        position = position._replace(next_offset=commit.next_offset)
    changes.events = [(Place(TOPIC_ID, 0, offset), event) for offset, event in enumerate(history.events)]
    changes.letters = [
        (Place(TOPIC_ID, 0, offset), reader, letter) for offset, letter in enumerate(history.dead_letters)
    ]
    changes.positions[reader] = position
    return changes
