"""For tests of `pulse maintain`: events of a chosen id and age without a broker, and where they are."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from pulse import ids
from pulse.adapters import logs
from pulse.settings import DatabaseSettings, LogSettings
from pulse_consumer.keeping.maintain import Done, maintain

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
MONTH = 30 * DAY
TOPIC = uuid.UUID(int=7)

_STORE = """
insert into raw.events (event_id, event_type, user_id, event_timestamp, fingerprint, kafka_timestamp,
    kafka_timestamp_trusted, topic_id, kafka_partition, kafka_offset, ingested_at)
values (%s, 'search', 'u', now(), 'x', now(), true, %s, %s, %s, %s)
"""


def run(database: DatabaseSettings, length: timedelta | None = None, **words: Any) -> Done:
    """One `pulse maintain`, which waits for nobody."""
    log = logs.configure(LogSettings("debug", "json"), "maintain", io.StringIO())
    return maintain(database.dsn, length, log, **{"pause": lambda _seconds: None, **words})


def of(moment: datetime, number: int = 0) -> uuid.UUID:
    """An id that has this moment in front."""
    return uuid.UUID(bytes=ids.derived(int(moment.timestamp() * 1000), number.to_bytes(4, "big")))


def store(
    database: DatabaseSettings,
    event_ids: Iterable[uuid.UUID],
    ingested_at: datetime = NOW,
    *,
    partition: int = 0,
    first_offset: int = 0,
) -> None:
    """Events of these ids, at offsets that follow each other."""
    rows = [
        (event_id, TOPIC, partition, first_offset + number, ingested_at) for number, event_id in enumerate(event_ids)
    ]
    with psycopg.connect(database.dsn) as connection:
        connection.cursor().executemany(_STORE, rows)


def where(database: DatabaseSettings) -> dict[str, int]:
    """How many events each partition holds; empty ones are left out."""
    query = "select tableoid::regclass::text, count(*) from raw.events group by 1"
    with psycopg.connect(database.dsn) as connection:
        return {name.removeprefix("raw."): count for name, count in connection.execute(query).fetchall()}


def partitions(database: DatabaseSettings) -> list[str]:
    """The partitions of raw.events by name."""
    query = "select inhrelid::regclass::text from pg_inherits where inhparent = 'raw.events'::regclass order by 1"
    with psycopg.connect(database.dsn) as connection:
        return [name.removeprefix("raw.") for (name,) in connection.execute(query).fetchall()]


def kept_from(database: DatabaseSettings) -> datetime | None:
    """What ops.retention says."""
    with psycopg.connect(database.dsn) as connection:
        row = connection.execute("select kept_from from ops.retention").fetchone()
    return row[0] if row else None
