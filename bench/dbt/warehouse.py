"""A database of the benchmark's own, the runner as a process, and what one run of it cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
from bench.dbt.statements import Statement, parsed, seconds_by_name
from psycopg.conninfo import make_conninfo

from pulse.names import database_roles
from pulse.settings import DatabaseSettings, LogSettings, TransformSettings
from pulse_consumer.migrate import migrate
from pulse_local.services import postgres

PROJECT = Path(__file__).parents[2] / "dbt"
_DATABASE, _PASSWORD = "bench", "bench"
_ROLE = database_roles().transform
_LOOK_SECONDS = 0.1

_TEMPORARY = "select temp_bytes from pg_stat_database where datname = current_database()"
_TEMPORARY_NOW = "select coalesce(sum(size), 0) from pg_ls_tmpdir()"
_SIZES = """
select
    case when parent.relname is null then class.relname else parent.relname end as name,
    sum(pg_table_size(class.oid))::bigint as table_bytes,
    sum(pg_indexes_size(class.oid))::bigint as index_bytes
from pg_class as class
left join pg_inherits on inhrelid = class.oid
left join pg_class as parent on parent.oid = inhparent
where class.relkind = 'r' and class.relnamespace::regnamespace::text in ('raw', 'staging', 'intermediate', 'marts')
group by 1
having sum(pg_table_size(class.oid)) > 1048576
order by 2 desc
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the transformation."""

    seconds: float
    starting_seconds: float
    statements: list[Statement]
    temporary_bytes: int
    most_temporary_bytes: int

    @property
    def by_model(self) -> dict[str, float]:
        return seconds_by_name(self.statements, "model")

    @property
    def by_test(self) -> dict[str, float]:
        return seconds_by_name(self.statements, "test")

    @property
    def sql_seconds(self) -> float:
        """How long Postgres worked, all connections together."""
        return sum(statement.seconds for statement in self.statements)


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The database, and the log of its server."""

    dsn: str
    log: Path

    def transform(self, *words: str) -> Ran:
        """Runs the transformation as a container would. RuntimeError with its log if it fails."""
        before, at = self._one(_TEMPORARY), self.log.stat().st_size
        began = time.monotonic()
        with self._watching() as most:
            done = subprocess.run(
                [sys.executable, "-m", "pulse_transform", "run", *words],
                env={**_clean(), **self._settings().to_env()},
                capture_output=True,
                text=True,
                check=False,
            )
        seconds = time.monotonic() - began
        if done.returncode != 0:
            raise RuntimeError(f"The transformation failed:\n{done.stderr}")
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(at)
            statements = parsed(log)
        return Ran(
            seconds, _told(done.stderr)["starting_seconds"], statements, self._one(_TEMPORARY) - before, max(most)
        )

    def settle(self) -> None:
        """What autovacuum would have done by then, and nothing left to write: every run begins alike."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("vacuum (analyze)")
            connection.execute("checkpoint")

    def sizes(self) -> list[tuple[str, int, int]]:
        """Bytes of each table of more than a megabyte, and of its indexes; partitions together."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(_SIZES).fetchall()

    def number(self, query: str) -> int:
        """The one number that a query answers."""
        return self._one(query)

    def _settings(self) -> TransformSettings:
        dsn = make_conninfo(self.dsn, user=_ROLE, password=_PASSWORD)
        return TransformSettings(DatabaseSettings(dsn), LogSettings(format="json"), str(PROJECT))

    def _one(self, query: str) -> int:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(query.encode()).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _watching(self) -> Iterator[list[int]]:
        """Meanwhile, the sizes of all temporary files together, every tenth of a second."""
        seen, over = [0], Event()

        def look() -> None:
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                while not over.wait(_LOOK_SECONDS):
                    row = connection.execute(_TEMPORARY_NOW).fetchone()
                    seen.append(int(row[0]) if row else 0)

        watcher = Thread(target=look)
        watcher.start()
        try:
            yield seen
        finally:
            over.set()
            watcher.join()


@contextmanager
def a_warehouse(server: postgres.Server, log: Path) -> Iterator[Warehouse]:
    """A migrated database whose server tells how long each statement of dbt takes."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {_DATABASE}".encode())
    dsn = server.dsn(_DATABASE)
    migrate(dsn, "bench")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"alter role {_ROLE} login password '{_PASSWORD}'".encode())
        connection.execute(f"alter role {_ROLE} set log_min_duration_statement = 0".encode())
    yield Warehouse(dsn, log)


def _clean() -> dict[str, str]:
    """The environment without what would change a run; Python keeps what it compiles, as it does in the image."""
    other = ("PULSE_", "PG", "DBT_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(other)}


def _told(log: str) -> dict[str, Any]:
    """The runner's last line."""
    found: dict[str, Any] = json.loads(log.splitlines()[-1])
    return found
