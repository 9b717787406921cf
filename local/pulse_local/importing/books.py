"""What became of the records of an import: waits for the consumer and reads its tables. Writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from pulse.adapters.postgres import translated
from pulse.errors import Stop
from pulse.settings import TopicSettings
from pulse_local import figures
from pulse_local.importing.sending import Landed

STALL_SECONDS = 60.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the consumer made of the records that one import sent."""

    inserted: int
    conflicts: int
    dead: int
    duplicates: int


def wait_stored(
    connection: psycopg.Connection[Any], topics: TopicSettings, landed: Landed, on_stored: Callable[[int], None]
) -> None:
    """Returns when the consumer has stored everything that landed; Stop when it no longer moves."""
    goals = {partition: ranges[-1][1] for partition, ranges in landed.items()}
    last_left, moved_at = -1, time.monotonic()
    while left := _left(goals, figures.stored_offsets(connection, topics)):
        if left != last_left:
            last_left, moved_at = left, time.monotonic()
            on_stored(left)
        elif time.monotonic() - moved_at > STALL_SECONDS:
            raise Stop(
                f"The consumer stored nothing for {STALL_SECONDS:.0f} s and {left:,} records are still to come: they "
                "are safe in Kafka. `pulse status` and `pulse logs consumer` show why it stands still."
            )
        time.sleep(_POLL_SECONDS)


def _left(goals: Mapping[int, int], stored: Mapping[int, int]) -> int:
    return sum(max(0, goal - stored.get(partition, 0)) for partition, goal in goals.items())


def outcome(connection: psycopg.Connection[Any], topic_id: bytes, landed: Landed) -> Outcome:
    """Looks every landed offset up in the tables of the consumer."""
    rows = [(partition, first, next_) for partition, ranges in landed.items() for first, next_ in ranges]
    columns: list[list[int]] = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    topic = UUID(bytes=topic_id)
    sent = sum(next_ - first for _, first, next_ in rows)
    inserted = _within(connection, "raw.events", "kafka_partition", topic, columns)
    conflicts = _within(connection, "raw.event_conflicts", "partition_id", topic, columns)
    dead = _within(connection, "raw.dead_letters", "partition_id", topic, columns)
    return Outcome(inserted, conflicts, dead, sent - inserted - conflicts - dead)


def _within(
    connection: psycopg.Connection[Any], table: str, partition: str, topic: UUID, columns: list[list[int]]
) -> int:
    question = (
        f"select count(*) from unnest(%s::int[], %s::bigint[], %s::bigint[]) as sent (partition_id, first, next)"  # noqa: S608 - names from this code
        f" join {table} as kept on kept.topic_id = %s and kept.{partition} = sent.partition_id"
        " and kept.kafka_offset >= sent.first and kept.kafka_offset < sent.next"
    )
    try:
        with connection.transaction():
            row = connection.execute(question.encode(), (*columns, topic)).fetchone()
    except psycopg.Error as failed:
        raise translated(failed, f"Counting the import in {table}") from failed
    return int(row[0]) if row else 0
