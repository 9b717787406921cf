"""The stored offsets: taking partitions over, moving forward, starting again. Every statement on raw.consumer_offsets.

A row is moved only by compare-and-set on the offset and the epoch that its owner wrote or read last. A rule that
merely forbids going back would let a late owner through whose batch starts behind and ends ahead of the new owner's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from pulse.errors import Fenced, OffsetsDisagree

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

_RESET = """
insert into raw.consumer_offsets as held (consumer_group, topic, partition_id, topic_id, next_offset, epoch)
values (%(group)s, %(topic)s, %(partition)s, %(topic_id)s, %(low)s, 1)
on conflict (consumer_group, topic, partition_id) do update
    set topic_id = excluded.topic_id, next_offset = excluded.next_offset, epoch = held.epoch + 1, updated_at = now()
"""


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


def take(connection: psycopg.Connection[Any], source: Source, bounds: Mapping[int, Bounds]) -> dict[int, Position]:
    """Takes the partitions over with a new epoch, which fences their former owner, and says where to go on.

    A partition that has no row starts at the log's beginning. OffsetsDisagree when a row belongs to another topic of
    the same name or lies outside the log: then nothing is changed. Commits.
    """
    taken: dict[int, Position] = {}
    with connection.transaction():
        for partition, log in sorted(bounds.items()):
            row = connection.execute(_TAKE, {**source.parameters(), "partition": partition, "low": log.low}).fetchone()
            if row is None:
                raise Fenced(f"The row of {source.topic} partition {partition} vanished while it was taken.")
            topic_id, next_offset, epoch = row
            _check(source, partition, topic_id, next_offset, log)
            taken[partition] = Position(epoch, next_offset)
    return taken


def _check(source: Source, partition: int, topic_id: UUID, next_offset: int, log: Bounds) -> None:
    where = f"{source.topic} partition {partition}, group {source.group}"
    again = (
        "`pulse offsets reset --to-beginning` reads what the log holds from its beginning; no event is stored twice."
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


def reset(connection: psycopg.Connection[Any], source: Source, bounds: Mapping[int, Bounds]) -> None:
    """Moves every partition to the beginning of the log, with a new epoch that fences a running owner. Commits."""
    with connection.transaction():
        for partition, log in sorted(bounds.items()):
            connection.execute(_RESET, {**source.parameters(), "partition": partition, "low": log.low})
