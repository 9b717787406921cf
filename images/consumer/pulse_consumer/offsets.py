"""The stored offsets: taking partitions over, moving forward, setting them anew. Every write to raw.consumer_offsets.

A batch moves a row only by compare-and-set on the offset and the epoch that its owner wrote or read last. A rule that
merely forbids going back would let a late owner through whose batch starts behind and ends ahead of the new owner's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from pulse.errors import Fenced, OffsetsDisagree

# Server settings of a session that takes or sets offsets: it waits no longer than this for a row, and one whose process
# froze with a row in its hands loses it.
SESSION = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "10s"}

_TAKE = """
insert into raw.consumer_offsets as held (consumer_group, topic, partition_id, topic_id, next_offset, epoch)
values (%(group)s, %(topic)s, %(partition)s, %(topic_id)s, %(low)s, 1)
on conflict (consumer_group, topic, partition_id) do update set epoch = held.epoch + 1, updated_at = now()
returning held.topic_id, held.next_offset, held.epoch
"""

_ADVANCE = """
update raw.consumer_offsets as held set next_offset = moved.next_offset, updated_at = now()
from unnest(%(partitions)s::int[], %(epochs)s::bigint[], %(firsts)s::bigint[], %(nexts)s::bigint[])
    as moved (partition_id, epoch, first_offset, next_offset)
where held.consumer_group = %(group)s and held.topic = %(topic)s and held.topic_id = %(topic_id)s
    and held.partition_id = moved.partition_id
    and held.epoch = moved.epoch and held.next_offset = moved.first_offset
"""

_LOOK = """
select partition_id, epoch, next_offset from raw.consumer_offsets
where consumer_group = %(group)s and topic = %(topic)s and topic_id = %(topic_id)s
"""

_HELD = """
select topic_id, next_offset, epoch from raw.consumer_offsets
where consumer_group = %(group)s and topic = %(topic)s and partition_id = %(partition)s
for update
"""

_SET = """
insert into raw.consumer_offsets as held (consumer_group, topic, partition_id, topic_id, next_offset, epoch)
values (%(group)s, %(topic)s, %(partition)s, %(topic_id)s, %(next)s, 1)
on conflict (consumer_group, topic, partition_id) do update
    set topic_id = excluded.topic_id, next_offset = excluded.next_offset, epoch = held.epoch + 1, updated_at = now()
returning epoch
"""

_NOTE = """
insert into raw.offset_moves (command, consumer_group, topic, topic_id, partition_id,
    old_topic_id, old_next_offset, old_epoch, next_offset, epoch, reason)
values (%(command)s, %(group)s, %(topic)s, %(topic_id)s, %(partition)s,
    %(old_topic_id)s, %(old_next)s, %(old_epoch)s, %(next)s, %(epoch)s, %(reason)s)
"""

_STORED = """
select partition_id, topic_id, next_offset, epoch, updated_at from raw.consumer_offsets
where consumer_group = %(group)s and topic = %(topic)s
"""

# How far each partition was read before the time from which on events are kept.
_READ_BEFORE_KEPT = """
select kept.kept_from, held.partition_id, max(held.next_offset)
from ops.retention as kept
left join raw.batches as held on held.topic_id = %(topic_id)s and held.committed_at < kept.kept_from
group by 1, 2
"""

_FIRST_OWNER = "consume"  # the command that raw.offset_moves names where no person set the offset
_FIRST_EPOCH = 1


@dataclass(frozen=True, slots=True)
class Source:
    """Whose offsets these are: a group reading one incarnation of a topic."""

    group: str
    topic: str
    topic_id: bytes

    def parameters(self) -> dict[str, Any]:
        return {"group": self.group, "topic": self.topic, "topic_id": UUID(bytes=self.topic_id)}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the log holds: the first offset, and the one behind the last."""

    low: int
    high: int


@dataclass(slots=True)
class Position:
    """Where an owner stands: the epoch that it took, and the next offset it will read."""

    epoch: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class Move:
    """Why offsets are set: the command, the reason that a person gave, and whether rows that exist are left alone."""

    command: str
    reason: str | None = None
    only_new: bool = False


def take(connection: psycopg.Connection[Any], source: Source, bounds: Mapping[int, Bounds]) -> dict[int, Position]:
    """Takes the partitions over with a new epoch, which fences their former owner, and says where to go on.

    A partition that has no row starts at the log's beginning, which raw.offset_moves keeps. OffsetsDisagree when a row
    belongs to another topic of the same name or lies outside the log: then nothing is changed. Commits.
    """
    taken: dict[int, Position] = {}
    with connection.transaction():
        for partition, log in sorted(bounds.items()):
            row = connection.execute(_TAKE, {**source.parameters(), "partition": partition, "low": log.low}).fetchone()
            if row is None:
                raise Fenced(f"The row of {source.topic} partition {partition} vanished while it was taken.")
            topic_id, next_offset, epoch = row
            _check(source, partition, topic_id, next_offset, log)
            if epoch == _FIRST_EPOCH:
                _note(connection, source, partition, None, Position(epoch, next_offset), Move(_FIRST_OWNER))
            taken[partition] = Position(epoch, next_offset)
    return taken


def _check(source: Source, partition: int, topic_id: UUID, next_offset: int, log: Bounds) -> None:
    where = f"{source.topic} partition {partition}, group {source.group}"
    again = (
        "`pulse offsets show` compares all partitions; `pulse offsets reset --to-beginning` reads what the log holds "
        "from its beginning, and no event is stored twice."
    )
    if topic_id.bytes != source.topic_id:
        raise OffsetsDisagree(
            f"{where}: the stored offset belongs to topic id {topic_id}, and the topic is now "
            f"{UUID(bytes=source.topic_id)}: it was deleted and created again. {again}"
        )
    if next_offset < log.low:
        raise OffsetsDisagree(
            f"{where}: the stored offset {next_offset} is gone, the log starts at {log.low}: retention removed "
            f"{log.low - next_offset} offsets before they were read. {again}"
        )
    if next_offset > log.high:
        raise OffsetsDisagree(
            f"{where}: the stored offset {next_offset} lies behind the log's end {log.high}: the broker lost records, "
            f"or this is another broker. {again}"
        )


def advance(cursor: psycopg.Cursor[Any], source: Source, moves: Mapping[int, tuple[int, int, int]]) -> None:
    """Moves partitions, each by (epoch, first, next), in the caller's transaction. Fenced if one is not ours."""
    moves = dict(sorted(moves.items()))  # rows are locked in the order of the commands, as far as the plan keeps to it
    cursor.execute(
        _ADVANCE,
        {
            **source.parameters(),
            "partitions": list(moves),
            "epochs": [epoch for epoch, _, _ in moves.values()],
            "firsts": [first for _, first, _ in moves.values()],
            "nexts": [following for _, _, following in moves.values()],
        },
    )
    if cursor.rowcount != len(moves):
        raise Fenced(
            f"{len(moves) - cursor.rowcount} of the partitions {sorted(moves)} of {source.topic} were taken over or "
            "reset by somebody else; what was read is rolled back."
        )


def confirm(connection: psycopg.Connection[Any], source: Source, held: Mapping[int, Position]) -> None:
    """Fenced unless the stored rows are still those that this owner read or wrote last. Changes nothing."""
    rows = connection.execute(_LOOK, source.parameters()).fetchall()
    stored = {partition: Position(epoch, next_offset) for partition, epoch, next_offset in rows}
    lost = sorted(partition for partition, position in held.items() if stored.get(partition) != position)
    if lost:
        raise Fenced(f"The partitions {lost} of {source.topic} were taken over or reset by somebody else.")


def stored(connection: psycopg.Connection[Any], source: Source) -> list[tuple[int, UUID, int, int, datetime]]:
    """The partition, topic id, next offset, epoch and last change of every row of this group and topic."""
    return connection.execute(_STORED, source.parameters()).fetchall()


def read_before_kept(connection: psycopg.Connection[Any], source: Source) -> tuple[datetime | None, dict[int, int]]:
    """From when on events are kept, None if none was ever removed; and the offset behind the last one read before."""
    rows = connection.execute(_READ_BEFORE_KEPT, source.parameters()).fetchall()
    floors = {partition: following for _, partition, following in rows if partition is not None}
    return (rows[0][0] if rows else None), floors


def move(connection: psycopg.Connection[Any], source: Source, targets: Mapping[int, int], why: Move) -> None:
    """Sets the next offset of each partition, with a new epoch that fences a running owner, and keeps an audit row.

    `targets` gives the next offset by partition. OffsetsDisagree if `why.only_new` and a row is there: then nothing is
    changed. Commits.
    """
    with connection.transaction():
        for partition, following in sorted(targets.items()):
            words = {**source.parameters(), "partition": partition, "next": following}
            old = connection.execute(_HELD, words).fetchone()
            row = None if old and why.only_new else connection.execute(_SET, words).fetchone()
            # Without a row there was nothing to lock: a consumer may have made one since.
            if row is None or (why.only_new and row[0] != _FIRST_EPOCH):
                raise OffsetsDisagree(
                    f"{source.topic} partition {partition}, group {source.group}, has a stored offset already; nothing "
                    "was changed. --force sets it all the same."
                )
            _note(connection, source, partition, old, Position(row[0], following), why)


def _note(
    connection: psycopg.Connection[Any],
    source: Source,
    partition: int,
    old: tuple[UUID, int, int] | None,
    new: Position,
    why: Move,
) -> None:
    old_topic_id, old_next, old_epoch = old or (None, None, None)
    connection.execute(
        _NOTE,
        {
            **source.parameters(),
            "command": why.command,
            "partition": partition,
            "old_topic_id": old_topic_id,
            "old_next": old_next,
            "old_epoch": old_epoch,
            "next": new.next_offset,
            "epoch": new.epoch,
            "reason": why.reason,
        },
    )
