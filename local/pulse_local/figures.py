"""How far the pipeline is: the end of the log, what is stored, and what became of every record. Reads, never writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from pulse.adapters import kafka as kafka_adapter
from pulse.adapters.postgres import translated
from pulse.errors import KafkaUnavailable
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


def log_ends(client: AdminClient, topic: str) -> tuple[dict[int, int], dict[int, int]]:
    """The first and the next offset of every partition of the topic."""
    partitions = [TopicPartition(topic, number) for number in range(kafka_adapter.partition_count(client, topic))]
    return _offsets(client, partitions, "earliest"), _offsets(client, partitions, "latest")


def _offsets(client: AdminClient, partitions: list[TopicPartition], end: str) -> dict[int, int]:
    spec: OffsetSpec = getattr(OffsetSpec, end)()
    futures = client.list_offsets(dict.fromkeys(partitions, spec))
    try:
        return {
            partition.partition: future.result(timeout=kafka_adapter.ADMIN_TIMEOUT_SECONDS).offset
            for partition, future in futures.items()
        }
    except KafkaException as failed:
        raise KafkaUnavailable(f"Reading the ends of the log: {failed.args[0].str()}") from failed


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
    starts, ends = log_ends(client, topics.events)
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
