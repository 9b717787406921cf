"""A database as the consumer leaves it, the transformation as a process, and the marts as it leaves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from kit.guardian import Guardian
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from pulse.names import database_roles
from pulse.settings import DatabaseSettings, LogSettings, TransformSettings
from pulse_consumer.migrate import migrate
from pulse_local import ports
from pulse_local.scratch import throw_away_paths
from pulse_local.services import postgres

from . import comparing, raw
from .history import History
from .raw import TOPIC_ID as TOPIC_ID
from .reference import Row, Rules

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "dbt"
ROLE = database_roles().transform
PASSWORD = "transform"
RUN_SECONDS = 120
WAIT_SECONDS = 60


@dataclass(frozen=True)
class Ran:
    """A process that has ended."""

    code: int
    log: str

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of this event in the log."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]


def prepare(dsn: str) -> None:
    """Migrates the database, and lets the transformation's role log in."""
    migrate(dsn, "tests")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"alter role {ROLE} login password '{PASSWORD}'".encode())


@contextmanager
def hasty_server(purpose: str, guardian: Guardian) -> Iterator[postgres.Server]:
    """A server of its own that hands nothing to the disk: thousands of tables are made and dropped in it."""
    settings = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with throw_away_paths(purpose) as paths:
        log, port = paths.home / "postgres.log", ports.free_port()
        server = postgres.start(paths.postgres, log, paths.cache, port, on_start=guardian.watch, settings=settings)
        try:
            yield server
        finally:
            postgres.stop(server.process)


def load(dsn: str, history: History) -> None:
    """Stores the history's rows."""
    with psycopg.connect(dsn) as connection:
        raw.write(connection, raw.changes_of(history))


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


def reason(ran: Ran, code: int = 0) -> str | None:
    """Why the run built everything anew, if it did."""
    assert ran.code == code, ran.log
    (line,) = ran.lines("transform_started")
    assert line["full_refresh"] == (line["full_refresh_reason"] is not None)
    told: str | None = line["full_refresh_reason"]
    return told


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
    with psycopg.connect(dsn) as connection:
        return comparing.mart(connection, name)


def all_marts(dsn: str) -> dict[str, list[str]]:
    """Every mart's rows, in an order of their own."""
    names = query(
        dsn, "select relname as name from pg_class where relnamespace = 'marts'::regnamespace and relkind = 'r'"
    )
    return {row["name"]: sorted(map(str, mart(dsn, row["name"]))) for row in names}


def built(dsn: str) -> dict[str, list[str]]:
    """Every row of the tables that stay from run to run."""
    with psycopg.connect(dsn) as connection:
        return comparing.tables(connection)
