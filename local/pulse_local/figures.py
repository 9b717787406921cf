"""How far the pipeline is: the end of the log, what is stored, and what became of every record. Reads, never writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from confluent_kafka.admin import AdminClient

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters.postgres import translated
from pulse.settings import TopicSettings


@dataclass(frozen=True, slots=True)
class Accounts:
    """What became of the records that were read, by the consumer's own books."""

    read: int
    inserted: int
    duplicate: int
    conflict: int
    dead: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the consumer stands in the events topic."""

    starts: Mapping[int, int]
    ends: Mapping[int, int]
    stored: Mapping[int, int]

    @property
    def written(self) -> int:
        """Offsets that the log ever gave out."""
        return sum(self.ends.values())

    @property
    def lag(self) -> int:
        """Records in the log that are not stored yet; a partition that was never read counts from its start."""
        return sum(
            max(0, end - self.stored.get(partition, self.starts.get(partition, 0)))
            for partition, end in self.ends.items()
        )


def stored_offsets(connection: psycopg.Connection[Any], topics: TopicSettings) -> dict[int, int]:
    """The next offset of every partition that the consumer has a row for."""
    rows = _asked(
        connection,
        "select partition_id, next_offset from raw.consumer_offsets where consumer_group = %s and topic = %s",
        (topics.group, topics.events),
    )
    return dict(rows)


def progress(client: AdminClient, connection: psycopg.Connection[Any], topics: TopicSettings) -> Progress:
    """Where the consumer stands now. What is stored is read first, so that the lag is never too small."""
    stored = stored_offsets(connection, topics)
    starts, ends = kafka_adapter.log_ends(client, topics.events)
    return Progress(starts, ends, stored)


@contextmanager
def one_moment(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Everything read inside is of one moment, so that the figures fit together."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        yield


def accounts(connection: psycopg.Connection[Any], group: str) -> Accounts:
    """The sums of the batch ledger."""
    rows = _asked(
        connection,
        "select coalesce(sum(read), 0)::bigint, coalesce(sum(inserted), 0)::bigint,"
        " coalesce(sum(duplicate), 0)::bigint, coalesce(sum(conflict), 0)::bigint, coalesce(sum(dead), 0)::bigint"
        " from raw.batches where consumer_group = %s",
        (group,),
    )
    return Accounts(*rows[0])


def counted(connection: psycopg.Connection[Any], table: str) -> int:
    """The number of rows of one of Pulse's tables."""
    return int(_asked(connection, f"select count(*) from {table}", ())[0][0])  # noqa: S608 - a name from this code


def _asked(connection: psycopg.Connection[Any], question: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    try:
        with connection.transaction():
            return connection.execute(question.encode(), values).fetchall()
    except psycopg.Error as failed:
        raise translated(failed, "Reading how far the pipeline is") from failed
