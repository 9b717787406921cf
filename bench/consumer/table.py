"""The migrated raw.events that a contender writes into: a database of its own for each run, and what is in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from bench.consumer.load import FLAT_COLUMNS

from pulse_consumer.migrate import migrate
from pulse_local.services import postgres

# What only Pulse can fill, because the others do not know where a record came from or what it is compared by.
_DEFAULTS = {
    "fingerprint": r"'\x00'",
    "kafka_timestamp": "now()",
    "kafka_timestamp_trusted": "false",
    "topic_id": "'00000000-0000-0000-0000-000000000000'",
    "kafka_partition": "0",
    "kafka_offset": "0",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds: how many rows, and a sum over hashes of what every contender writes."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Table:
    """raw.events of one run."""

    server: postgres.Server
    database: str

    @property
    def dsn(self) -> str:
        return self.server.dsn(self.database)

    def written(self) -> int:
        """How many rows were inserted so far, by the server's counters: cheap, and up to a second old."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute(
                "select coalesce(sum(n_tup_ins), 0) from pg_stat_user_tables "
                "where schemaname = 'raw' and relid in (select relid from pg_partition_tree('raw.events') where isleaf)"
            ).fetchone()
        return int(row[0]) if row else 0

    def first_write(self) -> datetime | None:
        """When the transaction began that wrote the first row on disk; None while there is none."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute("select ingested_at from raw.events limit 1").fetchone()
        return row[0] if row else None

    def between(self, start: datetime, seconds: float) -> tuple[int, float]:
        """Rows of transactions that began in the window, and its length: shorter if the last row came earlier."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute(
                "select count(*), max(ingested_at) from raw.events where ingested_at >= %s and ingested_at < %s",
                (start, start + timedelta(seconds=seconds)),
            ).fetchone()
            later = connection.execute(
                "select exists (select from raw.events where ingested_at >= %s)", (start + timedelta(seconds=seconds),)
            ).fetchone()
        rows, last = row or (0, None)
        whole = later is not None and later[0]
        return rows, seconds if whole or last is None else (last - start).total_seconds()

    def content(self) -> Content:
        """All rows, by what every contender writes."""
        names = ", ".join(FLAT_COLUMNS)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("set timezone = 'UTC'")
            row = connection.execute(
                f"select count(*), coalesce(sum(hashtextextended(row({names})::text, 0)::numeric), 0) from raw.events"
            ).fetchone()
        return Content(int(row[0]), str(row[1])) if row else Content(0, "0")


@contextmanager
def a_table(server: postgres.Server) -> Iterator[Table]:
    """A fresh, migrated database on a server that has just written everything out; dropped at the end."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        table = Table(server, name)
        migrate(table.dsn, "bench", f"{name}")
        with psycopg.connect(table.dsn) as inside:
            for column, value in _DEFAULTS.items():
                inside.execute(f"alter table raw.events alter column {column} set default {value}".encode())
        connection.execute("checkpoint")
        try:
            yield table
        finally:
            connection.execute(f"drop database {name} with (force)".encode())
            for role in ("ingest", "transform", "reader"):
                connection.execute(f"drop role if exists {name}_{role}".encode())
