"""What the runner asks of Postgres itself: the lock, the checks before a run, and the record of a run in `ops`.

The marts are dbt's; nothing here touches them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from pulse import VERSION, locks
from pulse.adapters.postgres import connect, translating
from pulse.errors import DatabaseWrong, SettingsError, Stop
from pulse.settings import TransformSettings
from pulse_transform.results import NodeResult

APPLICATION = "pulse-transform"

# Any number will do as long as no other program takes it; these are the bytes of the word "pulsedbt".
LOCK_KEY = int.from_bytes(b"pulsedbt", "big")

# Never back: what an earlier run has read is read.
_READ = """
insert into ops.dbt_offsets as known (topic_id, partition_id, next_offset) values (%s, %s, %s)
on conflict (topic_id, partition_id) do update
    set next_offset = greatest(known.next_offset, excluded.next_offset), updated_at = now()
"""

Connection = psycopg.Connection[Any]
Reach = Sequence[tuple[Any, ...]]  # topic id, partition, and the offset behind the last one that is stored


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it begins."""

    run_id: UUID
    variables: dict[str, object]
    vars_hash: str
    full_refresh: bool
    select: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """A run as it ended."""

    status: str
    dbt_version: str | None = None
    models: int | None = None
    tests: int | None = None
    message: str | None = None


@contextmanager
def locked(settings: TransformSettings) -> Iterator[Connection]:
    """A connection that holds the lock which only one transformation at a time can have. Stop if another has it.

    It also keeps `pulse maintain` from taking events away meanwhile. The locks belong to the session, so Postgres frees
    them whenever this process or its connection dies.
    """
    connection = connect(settings.database.dsn, APPLICATION)
    try:
        with translating("Taking the lock of the transformation"):
            connection.autocommit = True
            row = connection.execute("select pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
        if not (row and row[0]):
            raise Stop(
                "Another transformation is running on this database, and only one may at a time: wait until it has "
                "ended, then try again."
            )
        with translating("Waiting for the end of a step of pulse maintain"):
            connection.execute("select pg_advisory_lock_shared(%s)", [locks.READING])
        yield connection
    finally:
        connection.close()


def address(connection: Connection) -> dict[str, str]:
    """Whom the connection talks to and as whom, in libpq's variables."""
    info = connection.info
    return {
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGUSER": info.user,
        "PGPASSWORD": info.password,
        "PGDATABASE": info.dbname,
    }


def check(connection: Connection, settings: TransformSettings) -> None:
    """Refuses what would fail in the middle of a run: a time zone that is not one, a database without its tables."""
    with translating("Checking the database"):
        row = connection.execute(
            "select exists (select from pg_timezone_names where name = %s),"
            " to_regclass('raw.events') is not null and to_regclass('ops.dbt_offsets') is not null",
            [settings.time_zone],
        ).fetchone()
    is_zone, is_migrated = row or (False, False)
    if not is_zone:
        raise SettingsError(
            f"PULSE_TIME_ZONE: {settings.time_zone!r} is not accepted, it takes a name of the time zone database such "
            "as Europe/Berlin, in its exact spelling."
        )
    if not is_migrated:
        raise DatabaseWrong(
            "The database lacks Pulse's tables (raw.events, ops.dbt_offsets): run `pulse migrate` first."
        )


def begin(connection: Connection, run: Run) -> Reach:
    """Records that the run began. Whatever is still called running is dead, since we hold the lock.

    Returns how far the events are stored: the models, which look later, read at least as far.
    """
    with translating("Recording the run in ops.dbt_runs"), connection.transaction():
        connection.execute(
            "update ops.dbt_runs set status = 'aborted', finished_at = now(), message = 'The process went away.'"
            " where status = 'running'"
        )
        connection.execute(
            "insert into ops.dbt_runs (run_id, status, pulse_version, vars, vars_hash, full_refresh, selection)"
            " values (%s, 'running', %s, %s, %s, %s, %s)",
            [run.run_id, VERSION, Jsonb(run.variables), run.vars_hash, run.full_refresh, list(run.select)],
        )
        return connection.execute(
            "select topic_id, partition_id, max(next_offset) from raw.batches group by 1, 2"
        ).fetchall()


def end(
    connection: Connection, run: Run, ending: Ending, results: Sequence[NodeResult] = (), reach: Reach = ()
) -> None:
    """Records how the run ended, and each of its models and tests; and, if all of them succeeded, how far it read."""
    with translating("Recording the end of the run in ops.dbt_runs"), connection.transaction():
        connection.execute(
            "update ops.dbt_runs set status = %s, finished_at = clock_timestamp(), dbt_version = %s, models = %s,"
            " tests = %s, message = %s where run_id = %s",
            [ending.status, ending.dbt_version, ending.models, ending.tests, ending.message, run.run_id],
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into ops.dbt_results"
                " (run_id, unique_id, kind, status, seconds, rows_affected, failures, message)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s)",
                [_row(run, result) for result in results],
            )
            if ending.status == "succeeded" and not run.select:
                cursor.executemany(_READ, list(reach))


def _row(run: Run, result: NodeResult) -> tuple[object, ...]:
    return (
        run.run_id,
        result.unique_id,
        result.kind,
        result.status,
        result.seconds,
        result.rows_affected,
        result.failures,
        result.message,
    )
