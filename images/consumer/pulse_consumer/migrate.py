"""Brings a database to the newest schema: roles, schemas, numbered files, rights. Forward only, one at a time.

Everything happens in one transaction under an advisory lock: a database is migrated whole or not at all, and two
migrations started together run one after the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

from pulse.adapters import postgres
from pulse.errors import DatabaseWrong
from pulse.names import INGEST_ROLE, READER_ROLE, TRANSFORM_ROLE, checked_pipeline

LOCK = 0x50_75_6C_73_65  # "Pulse"
OLDEST_SERVER = 150000
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")

_PREPARE = """
create schema if not exists raw;
create schema if not exists ops;
create schema if not exists staging;
create schema if not exists intermediate;
create schema if not exists marts;
create table if not exists ops.migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
);
create table if not exists ops.pipeline (
    singleton boolean primary key default true check (singleton),
    name text not null
);
"""

_RIGHTS = f"""
grant usage on schema raw to {INGEST_ROLE}, {TRANSFORM_ROLE};
grant select, insert, update on raw.consumer_offsets to {INGEST_ROLE};
grant select, insert on all tables in schema raw to {INGEST_ROLE};
grant select on all tables in schema raw to {TRANSFORM_ROLE};
grant usage on schema ops to {INGEST_ROLE}, {TRANSFORM_ROLE}, {READER_ROLE};
grant select on ops.migrations, ops.pipeline to {INGEST_ROLE}, {TRANSFORM_ROLE}, {READER_ROLE};
grant usage, create on schema staging, intermediate, marts to {TRANSFORM_ROLE};
grant usage on schema marts to {READER_ROLE};
grant select, insert, update on ops.dbt_runs, ops.dbt_results to {TRANSFORM_ROLE};
grant select on ops.dbt_runs, ops.dbt_results to {READER_ROLE};
alter default privileges for role {TRANSFORM_ROLE} in schema marts grant select on tables to {READER_ROLE};
grant select on all tables in schema marts to {READER_ROLE};
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def shipped() -> list[Migration]:
    """The migrations of this version, in order."""
    found = []
    for item in files("pulse_consumer").joinpath("migrations").iterdir():
        match = _FILE.fullmatch(item.name)
        if match:
            found.append(Migration(int(match[1]), match[2], item.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


def migrate(dsn: str, pipeline: str, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """Applies what is missing, returns it. DatabaseWrong if the database is another pipeline's, newer, or altered."""
    checked_pipeline(pipeline)
    wanted = shipped() if migrations is None else list(migrations)
    with postgres.connect(dsn, "pulse-migrate") as connection, postgres.translating("Migrating"):
        if connection.info.server_version < OLDEST_SERVER:
            raise DatabaseWrong(
                f"Postgres {connection.info.server_version // 10000} is too old: Pulse needs 15 or newer."
            )
        connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        _create_roles(connection)
        connection.execute(_PREPARE)
        _claim(connection, pipeline)
        missing = _missing(connection, wanted)
        for migration in missing:
            with postgres.translating(f"Migration {migration.version:04d}_{migration.name}"):
                connection.execute(migration.text.encode())
            connection.execute(
                "insert into ops.migrations (version, name, checksum) values (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
        connection.execute(_RIGHTS)
    return missing


def _create_roles(connection: psycopg.Connection[Any]) -> None:
    """Creates the roles that are missing, without a login: whoever runs the database decides how they log in."""
    for role in (INGEST_ROLE, TRANSFORM_ROLE, READER_ROLE):
        if connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is None:
            try:
                with connection.transaction():
                    connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            except psycopg.errors.InsufficientPrivilege as refused:
                raise DatabaseWrong(
                    f"Role {role} is missing and this user may not create it. Do it first: create role {role} nologin;"
                ) from refused
            except psycopg.errors.DuplicateObject:
                pass  # roles belong to the server: a migration of another database was quicker
    # "alter default privileges for role" needs membership, which a superuser has and an owner must be given.
    member = connection.execute("select pg_has_role(current_user, %s, 'member')", (TRANSFORM_ROLE,)).fetchone()
    if member is None or not member[0]:
        connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(TRANSFORM_ROLE)))


def _claim(connection: psycopg.Connection[Any], pipeline: str) -> None:
    connection.execute("insert into ops.pipeline (name) values (%s) on conflict do nothing", (pipeline,))
    row = connection.execute("select name from ops.pipeline").fetchone()
    if row is None or row[0] != pipeline:
        raise DatabaseWrong(
            f"This database belongs to pipeline {row[0] if row else None!r}, not to {pipeline!r}: give each "
            "a database of its own."
        )


def _missing(connection: psycopg.Connection[Any], wanted: Sequence[Migration]) -> list[Migration]:
    applied: dict[int, str] = dict(connection.execute("select version, checksum from ops.migrations").fetchall())
    newest = max((migration.version for migration in wanted), default=0)
    newer = sorted(version for version in applied if version > newest)
    if newer:
        raise DatabaseWrong(
            f"The database has migration {newer[-1]:04d}, and this version of Pulse knows {newest:04d} at most: "
            "use the newer one."
        )
    for migration in wanted:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise DatabaseWrong(
                f"Migration {migration.version:04d}_{migration.name} was applied with another text than this version "
                "ships. Applied migrations never change: restore the file, or the database from before it."
            )
    return [migration for migration in wanted if migration.version not in applied]
