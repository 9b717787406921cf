"""`pulse verify --log`: reads what Kafka still holds of what was read, and lets `beside_log` judge.

The ledger comes in blocks, each its own short transaction, and the log once, partition by partition; both may be large,
and a consumer may run meanwhile. What is compared ends where each partition was stored when this began.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
from confluent_kafka.admin import AdminClient

from pulse.adapters import kafka, postgres
from pulse.errors import Stop
from pulse.settings import OffsetsSettings
from pulse_consumer import log_reading, subscription
from pulse_consumer.beside_log import BesideLog, Read
from pulse_consumer.findings import Checked, Finding
from pulse_consumer.offsets import Bounds

_BLOCK_RANGES = 10_000
_TELL_SECONDS = 5.0

_PARTITIONS = """
select partition_id, min(first_offset), max(next_offset) from raw.batches where topic_id = %(topic_id)s
group by 1 order by 1
"""

_GROUPS = """
select distinct consumer_group from raw.batches where topic_id = %(topic_id)s and partition_id = %(partition)s
"""

# Those of what the log has lost are left out.
_RANGES = """
select first_offset, next_offset, read, batch_id from raw.batches
where consumer_group = %(group)s and topic_id = %(topic_id)s and partition_id = %(partition)s
    and (first_offset, batch_id) > (%(first)s, %(batch_id)s) and next_offset > %(low)s and next_offset <= %(end)s
order by first_offset, batch_id limit %(limit)s
"""

Connection = psycopg.Connection[Any]
Tell = Callable[[str], None]


def add_log(checked: list[Checked], settings: OffsetsSettings, last: int | None, tell: Tell) -> None:
    """Adds to each partition what Kafka's log says of it, or of its `last` offsets. `tell` hears how far that is.

    Raises KafkaUnavailable, DatabaseUnavailable, DatabaseWrong, or Stop if Kafka has no such topic.
    """
    client, topic = kafka.admin(settings.kafka), settings.topics.events
    topic_id = kafka.topic_id(client, topic)
    name = str(UUID(bytes=topic_id))
    parts = {one.partition: one for one in checked if one.topic_id == name}
    others = [one for one in checked if one.topic_id != name]
    for other in others:
        says = f"the log is gone: {topic} is another topic now, {name}."
        other.findings.append(Finding("no_log", False, other.partition, 0, 1, 1, says))
    with postgres.connect(settings.database.dsn, "pulse-verify") as connection:
        connection.autocommit = True
        logs = _Logs(settings, client, topic_id, connection, last, tell)
        for number, first, following in logs.partitions():
            logs.compare(parts.setdefault(number, Checked(name, number)), first, following)
    checked[:] = [*others, *(parts[number] for number in sorted(parts))]


class _Logs:
    """The logs of one topic beside the ledger."""

    def __init__(
        self,
        settings: OffsetsSettings,
        client: AdminClient,
        topic_id: bytes,
        connection: Connection,
        last: int | None,
        tell: Tell,
    ) -> None:
        self._settings = settings
        self._client = client
        self._topic = settings.topics.events
        self._topic_id = topic_id
        self._connection = connection
        self._last = last
        self._tell = tell
        self._is_compacted = "compact" in kafka.topic_config(client, self._topic)["cleanup.policy"]

    def partitions(self) -> list[tuple[int, int, int]]:
        """Each with the first offset that was read, and the one behind the last."""
        with postgres.translating("Reading the ledger"):
            return self._connection.execute(_PARTITIONS, {"topic_id": UUID(bytes=self._topic_id)}).fetchall()

    def compare(self, part: Checked, first: int, following: int) -> None:
        """Reads what the log still holds of these offsets, and adds what it says to the partition."""
        number = part.partition
        log = self._bounds(number)
        part.findings += _outside(number, first, following, log)
        low, end = log.low, min(following, log.high)
        if self._last is not None:
            low = max(low, end - self._last)
        if low >= end:
            return
        words = {"topic_id": UUID(bytes=self._topic_id), "partition": number, "low": low, "end": end}
        beside = BesideLog(number, _ranges(self._connection, words), low, end, is_compacted=self._is_compacted)
        progress = _pacing(self._tell, f"the log of partition {number}, {{:,}} of {end - low:,} offsets", low)
        for run in log_reading.runs(self._settings.kafka, self._settings.topics, number, low, end, progress):
            beside.add(*run)
        if kafka.topic_id(self._client, self._topic) != self._topic_id:
            raise Stop(f"{self._topic} was deleted and created again meanwhile: run this again.")
        part.findings += beside.findings(self._bounds(number).low)
        part.log = beside.seen()

    def _bounds(self, partition: int) -> Bounds:
        return subscription.bounds(self._settings.kafka, self._topic, [partition])[partition]


def _outside(partition: int, first: int, following: int, log: Bounds) -> Iterator[Finding]:
    """What was read and is not in the log: before its beginning, as is to be expected, or beyond its end."""
    if first < log.low:
        count = min(following, log.low) - first
        says = (
            f"retention, or whoever deleted records, has taken {count} offsets out of the log: they are not compared."
        )
        yield Finding("before_log", False, partition, first, first + count, count, says)
    if following > log.high:
        count = following - max(first, log.high)
        says = f"{count} offsets were read that the log does not hold yet: it ends at {log.high}."
        todo = "Kafka has lost records. `pulse offsets show` says where each partition stands."
        yield Finding("beyond_log", True, partition, max(first, log.high), following, count, says, todo)


def _ranges(connection: Connection, words: dict[str, Any]) -> Iterator[Read]:
    """The ranges of all groups by their first offset, a block of each group in memory."""
    with postgres.translating("Reading the ledger"):
        groups = [group for (group,) in connection.execute(_GROUPS, words).fetchall()]
    return heapq.merge(
        *(_of_group(connection, {**words, "group": group}) for group in groups), key=lambda one: one.first
    )


def _of_group(connection: Connection, words: dict[str, Any]) -> Iterator[Read]:
    place = {"first": -1, "batch_id": 0, "limit": _BLOCK_RANGES}
    while True:
        with postgres.translating("Reading the ledger"):
            rows = connection.execute(_RANGES, {**words, **place}).fetchall()
        yield from (Read(first, following, read) for first, following, read, _ in rows)
        if len(rows) < _BLOCK_RANGES:
            return
        place |= {"first": rows[-1][0], "batch_id": rows[-1][3]}


def _pacing(tell: Tell, place: str, low: int) -> Callable[[int], None]:
    """Tells at once and then every few seconds."""
    told = -_TELL_SECONDS

    def tell_now_and_then(offset: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_SECONDS:
            told = time.monotonic()
            tell(place.format(offset - low))

    return tell_now_and_then
