"""A database as the consumer leaves it, the transformation as a process, and the marts as it leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from pulse.names import database_roles
from pulse.settings import DatabaseSettings, LogSettings, TransformSettings
from pulse_consumer.migrate import migrate

from .history import Batch, DeadLetter, Event, History
from .reference import Row, Rules

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "dbt"
TOPIC_ID = uuid.UUID(int=1)
ROLE = database_roles().transform
PASSWORD = "transform"
RUN_SECONDS = 120
WAIT_SECONDS = 60
# The counts of the made-up batches have nothing to do with the events; so many offsets bring all events into reach.
SKIPPED = 1_000_000


@dataclass(frozen=True)
class Ran:
    """A process that has ended."""

    code: int
    log: str


def prepare(dsn: str) -> None:
    """Migrates the database, and lets the transformation's role log in."""
    migrate(dsn, "tests")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"alter role {ROLE} login password '{PASSWORD}'".encode())


def load(dsn: str, history: History) -> None:
    """Stores the history's rows."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        columns = "event_id, event_type, user_id, event_timestamp, page, funnel_step_index, anonymous_id, properties, "
        columns += "received_at, kafka_timestamp, kafka_timestamp_trusted, fingerprint, topic_id, kafka_partition, "
        _copy(cursor, f"raw.events ({columns}kafka_offset)", map(_event_row, count(), history.events))
        columns = (
            "consumer_group, topic_id, partition_id, epoch, first_offset, next_offset, read, inserted, duplicate, "
        )
        _copy(cursor, f"raw.batches ({columns}conflict, dead, skipped, committed_at)", _batch_rows(history.batches))
        columns = "topic_id, partition_id, kafka_offset, topic, class, reason, consumer_group, version, first_seen"
        _copy(cursor, f"raw.dead_letters ({columns})", map(_letter_row, count(), history.dead_letters))


def _copy(cursor: psycopg.Cursor[Any], target: str, rows: Iterable[tuple[object, ...]]) -> None:
    with cursor.copy(f"copy {target} from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _event_row(offset: int, event: Event) -> tuple[object, ...]:
    return (
        event.event_id,
        event.event_type,
        event.user_id,
        event.event_timestamp,
        event.page,
        event.funnel_step_index,
        event.anonymous_id,
        None if event.properties is None else Jsonb(event.properties),
        event.received_at,
        event.kafka_timestamp,
        event.kafka_timestamp_trusted,
        event.event_id.bytes,
        TOPIC_ID,
        0,
        offset,
    )


def _batch_rows(batches: Iterable[Batch]) -> Iterable[tuple[object, ...]]:
    first = 0
    for batch in batches:
        read = batch.inserted + batch.duplicate + batch.conflict + batch.dead
        counts = (read, batch.inserted, batch.duplicate, batch.conflict, batch.dead, SKIPPED)
        yield ("g", TOPIC_ID, 0, 1, first, first + read + SKIPPED, *counts, batch.committed_at)
        first += read + SKIPPED


def _letter_row(offset: int, letter: DeadLetter) -> tuple[object, ...]:
    return (TOPIC_ID, 0, offset, "t", letter.reason_class, "made up", "g", "0", letter.first_seen)


def settings(dsn: str, rules: Rules | None = None, project: Path = PROJECT) -> TransformSettings:
    """The settings of a run under the rules, as the role that owns nothing but the marts."""
    rules = rules or Rules()
    return TransformSettings(
        DatabaseSettings(make_conninfo(dsn, user=ROLE, password=PASSWORD)),
        LogSettings(),
        str(project),
        session_gap=rules.session_gap,
        late_after=rules.late_after,
        time_zone=rules.time_zone,
        include_custom_events=rules.include_custom_events,
        exclude_bots=rules.exclude_bots,
    )


@contextmanager
def started(settings: TransformSettings, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The transformation as a process of its own, killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pulse_transform", "run", *words],
        env={**_clean(os.environ), **settings.to_env()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> Ran:
    """Waits for the process."""
    _, log = process.communicate(timeout=RUN_SECONDS)
    return Ran(process.returncode, log)


def run(settings: TransformSettings, *words: str) -> Ran:
    """Starts the transformation and waits for it."""
    with started(settings, *words) as process:
        return ended(process)


def libpq(settings: TransformSettings) -> dict[str, str]:
    """The environment in which dbt is run by hand."""
    options = conninfo_to_dict(settings.database.dsn)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    return {**_clean(os.environ), **{variable: str(options[option]) for option, variable in names.items()}}


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith(("PULSE_", "PG", "DBT_"))}


def until(what: str, holds: Callable[[], bool]) -> None:
    """Waits until it holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {WAIT_SECONDS} s")
        time.sleep(0.1)


def query(dsn: str, sql: str, *values: object) -> list[dict[str, Any]]:
    """The rows of a query."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(sql.encode(), values or None).fetchall()


def mart(dsn: str, name: str) -> list[Row]:
    """All rows of a mart."""
    return [dict(row) for row in query(dsn, f"select * from marts.{name}")]
