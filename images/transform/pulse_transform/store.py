"""What the runner asks of Postgres itself: the lock, the checks before a run, and the record of a run in `ops`.

The marts are dbt's; nothing here touches them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from pulse import VERSION, locks
from pulse.adapters.postgres import connect, translating
from pulse.errors import DatabaseWrong, SettingsError, Stop
from pulse.settings import TransformSettings
from pulse_transform.refresh import Terms
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

# From the rows that the models themselves went by, and one statement of theirs took: what was stored while they ran is
# read by the next run.
SAVE_POSITIONS = """
insert into ops.dbt_positions (consumer_group, topic_id, partition_id, next_offset, epoch, run_number)
select consumer_group, topic_id, partition_id, next_offset, epoch, run_number from staging.stg_offset_positions
on conflict (consumer_group, topic_id, partition_id) do update
    set next_offset = excluded.next_offset, epoch = excluded.epoch, run_number = excluded.run_number, updated_at = now()
"""

# The one model that is as large as raw.events after a full refresh, and that nobody reads before the next run makes it
# anew: without it, that run would wait until the server has dropped the old one.
EMPTY_NEW_EVENTS = "truncate intermediate.int_new_events"
_LOCK_SECONDS = 2

_RUNS_SINCE_A_WHOLE_ONE = """
with whole as (
    select run_id, started_at from ops.dbt_runs where status = 'succeeded' and selection = '{}'
    order by started_at desc limit 1
)
select vars, vars_hash, project_hash, full_refresh from ops.dbt_runs
where started_at >= (select started_at from whole)
order by run_id <> (select run_id from whole), started_at
"""

Connection = psycopg.Connection[Any]
Reach = Sequence[tuple[Any, ...]]  # topic id, partition, and the offset behind the last one that is stored


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it begins."""

    run_id: UUID
    terms: Terms
    select: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it is of all models."""
        return not self.select


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
            " to_regclass('raw.events') is not null and to_regclass('ops.dbt_positions') is not null",
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
            "The database lacks Pulse's tables (raw.events, ops.dbt_positions): run `pulse migrate` first."
        )


def runs_since_a_whole_one(connection: Connection) -> list[Terms]:
    """The last run of all models that succeeded, then those that were begun since, in order. Empty if there is none."""
    with translating("Reading ops.dbt_runs"):
        return [Terms(*row) for row in connection.execute(_RUNS_SINCE_A_WHOLE_ONE).fetchall()]


def beginnings(connection: Connection, days: Sequence[date], time_zone: str) -> dict[date, datetime]:
    """When each of the reporting days begins, by the zones that the models go by."""
    with translating("Asking when a day begins"):
        return dict(
            connection.execute(
                "select day, day::timestamp at time zone %s from unnest(%s::date[]) as day", [time_zone, list(days)]
            ).fetchall()
        )


def kept_from(connection: Connection) -> datetime | None:
    """From when on no event was removed; None if none ever was."""
    with translating("Reading ops.retention"):
        row = connection.execute("select kept_from from ops.retention").fetchone()
    return row[0] if row else None


def begin(connection: Connection, run: Run) -> Reach:
    """Records that the run began. Whatever is still called running is dead, since we hold the lock.

    One that builds everything anew begins without positions: all that is stored is new to it. Returns how far the
    events are stored: the models, which look later, read at least as far.
    """
    with translating("Recording the run in ops.dbt_runs"), connection.transaction():
        connection.execute(
            "update ops.dbt_runs set status = 'aborted', finished_at = now(), message = 'The process went away.'"
            " where status = 'running'"
        )
        connection.execute(
            "insert into ops.dbt_runs"
            " (run_id, status, pulse_version, vars, vars_hash, project_hash, full_refresh, selection)"
            " values (%s, 'running', %s, %s, %s, %s, %s, %s)",
            [
                run.run_id,
                VERSION,
                Jsonb(run.terms.variables),
                run.terms.vars_hash,
                run.terms.project_hash,
                run.terms.full_refresh,
                list(run.select),
            ],
        )
        if run.terms.full_refresh:
            connection.execute("delete from ops.dbt_positions")
        return connection.execute(
            "select topic_id, partition_id, max(next_offset) from raw.batches group by 1, 2"
        ).fetchall()


def end(
    connection: Connection, run: Run, ending: Ending, results: Sequence[NodeResult] = (), reach: Reach = ()
) -> None:
    """Records how the run ended, and each of its models and tests; and, if all of them succeeded, how far it read.

    The next run goes on from there. After any other run it reads at least what this one read.
    """
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
            if ending.status == "succeeded" and run.is_whole:
                cursor.executemany(_READ, list(reach))
                cursor.execute(SAVE_POSITIONS)


def empty_new_events(connection: Connection) -> None:
    """Gives the room of what a full refresh has read back, so that the next run does not have to.

    Only after one of all models that succeeded: all that depends on these events holds them then. DatabaseUnavailable
    if somebody who reads the table, such as a backup, is in the way for longer than two seconds.
    """
    with translating("Emptying intermediate.int_new_events"), connection.transaction():
        connection.execute(f"set local lock_timeout = '{_LOCK_SECONDS}s'".encode())
        row = connection.execute("select to_regclass('intermediate.int_new_events') is not null").fetchone()
        if row and row[0]:
            connection.execute(EMPTY_NEW_EVENTS)


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
