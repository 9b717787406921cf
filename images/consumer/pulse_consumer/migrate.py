"""Brings a database to the newest schema: roles, schemas, numbered files, rights. Forward only, one at a time.

A new database gets its first partitions too. Everything happens in one transaction under an advisory lock: a database
is migrated whole or not at all, and two migrations started together run one after the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

from pulse.adapters import postgres
from pulse.errors import DatabaseWrong
from pulse.names import DEFAULT_ROLE_PREFIX, DatabaseRoles, checked_pipeline, database_roles
from pulse.weeks import wanted as wanted_weeks
from pulse_consumer.keeping import partitions

LOCK = 0x50_75_6C_73_65  # "Pulse"
OLDEST_SERVER = 150000
FIRST = 1  # the migration that makes raw.events
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
-- Databases from before the prefix could be chosen have the roles that it defaults to.
alter table ops.pipeline add column if not exists role_prefix text not null default 'pulse';
"""

_RIGHTS = sql.SQL("""
grant usage on schema raw to {ingest}, {transform};
grant select, insert, update on raw.consumer_offsets to {ingest};
grant select, insert on all tables in schema raw to {ingest};
grant select on all tables in schema raw to {transform};
grant usage on schema ops to {ingest}, {transform}, {reader};
grant select on ops.migrations, ops.pipeline, ops.retention, ops.dead_letter_retention
    to {ingest}, {transform}, {reader};
grant usage, create on schema staging, intermediate, marts to {transform};
grant usage on schema marts to {reader};
grant select, insert, update on ops.dbt_runs, ops.dbt_results, ops.dbt_offsets to {transform};
grant select, insert, update, delete on ops.dbt_positions to {transform};
grant select on ops.dbt_runs, ops.dbt_results to {reader};
grant select on ops.live_minutes, ops.live_pages, ops.live_users, ops.live_batches, ops.live_delays, ops.stored_offsets,
    ops.open_dead_letters to {reader};
alter default privileges for role {transform} in schema marts grant select on tables to {reader};
grant select on all tables in schema marts to {reader};
""")


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


def migrate(
    dsn: str,
    pipeline: str,
    role_prefix: str = DEFAULT_ROLE_PREFIX,
    migrations: Sequence[Migration] | None = None,
) -> list[Migration]:
    """Applies what is missing, returns it.

    DatabaseWrong if the database is another pipeline's, has other roles, is newer, or was altered.
    """
    checked_pipeline(pipeline)
    roles = database_roles(role_prefix)
    wanted = shipped() if migrations is None else list(migrations)
    with postgres.connect(dsn, "pulse-migrate") as connection, postgres.translating("Migrating"):
        if connection.info.server_version < OLDEST_SERVER:
            raise DatabaseWrong(
                f"Postgres {connection.info.server_version // 10000} is too old: Pulse needs 15 or newer."
            )
        connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        connection.execute(_PREPARE)
        _claim(connection, pipeline, role_prefix)
        _create_roles(connection, roles)
        _join(connection, roles.transform)
        missing = _missing(connection, wanted)
        for migration in missing:
            with postgres.translating(f"Migration {migration.version:04d}_{migration.name}"):
                connection.execute(migration.text.encode())
            connection.execute(
                "insert into ops.migrations (version, name, checksum) values (%s, %s, %s)",
                (migration.version, migration.name, migration.checksum),
            )
        if any(migration.version == FIRST for migration in missing):
            for week in wanted_weeks(datetime.now(UTC)):  # a table with events in it is left to `pulse maintain`
                partitions.create(connection, week)
        connection.execute(_rights(roles))
    return missing


def _rights(roles: DatabaseRoles) -> sql.Composed:
    """What each role may do, granted again by every run: tables of later migrations are in it too."""
    return _RIGHTS.format(
        ingest=sql.Identifier(roles.ingest),
        transform=sql.Identifier(roles.transform),
        reader=sql.Identifier(roles.reader),
    )


def _create_roles(connection: psycopg.Connection[Any], roles: DatabaseRoles) -> None:
    """Creates the roles that are missing, without a login: whoever runs the database decides how they log in."""
    for role in (roles.ingest, roles.transform, roles.reader):
        if connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is None:
            try:
                with connection.transaction():
                    connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            except psycopg.errors.InsufficientPrivilege as refused:
                raise DatabaseWrong(
                    f"Role {role} is missing and this user may not create it. Do it first: create role {role} nologin;"
                ) from refused
            except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                pass  # roles belong to the server: a migration of another database was quicker


def _join(connection: psycopg.Connection[Any], transform: str) -> None:
    """Makes this user a member of the role whose default privileges it alters, with the use of the role's rights.

    A superuser has them, an owner is given them. Whoever creates a role may only administer it, until he grants himself
    the rest.
    """
    row = connection.execute("select pg_has_role(%s, 'usage'), current_user", (transform,)).fetchone()
    if row is None or row[0]:
        return
    try:
        with connection.transaction():
            connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(transform)))
    except psycopg.errors.InsufficientPrivilege as refused:
        raise DatabaseWrong(
            f"User {row[1]} has to be a member of role {transform} and may not make itself one. Do it first: "
            f"grant {transform} to {row[1]};"
        ) from refused


def _claim(connection: psycopg.Connection[Any], pipeline: str, role_prefix: str) -> None:
    connection.execute(
        "insert into ops.pipeline (name, role_prefix) values (%s, %s) on conflict do nothing", (pipeline, role_prefix)
    )
    row = connection.execute("select name, role_prefix from ops.pipeline").fetchone()
    name, prefix = row if row else (None, None)
    if name != pipeline:
        raise DatabaseWrong(
            f"This database belongs to pipeline {name!r}, not to {pipeline!r}: give each a database of its own."
        )
    if prefix != role_prefix:
        # Granting to the new roles as well would let the old ones in for ever, and leave them owners of the marts.
        raise DatabaseWrong(
            f"This database was migrated for roles named {prefix}_…, not {role_prefix}_…: set PULSE_ROLE_PREFIX to "
            f"{prefix}. To change it, rename the roles {prefix}_ingest, {prefix}_transform and {prefix}_reader with "
            f"`alter role … rename to …`, and write {role_prefix} into ops.pipeline.role_prefix."
        )


def _missing(connection: psycopg.Connection[Any], wanted: Sequence[Migration]) -> list[Migration]:
    applied: dict[int, str] = dict(connection.execute("select version, checksum from ops.migrations").fetchall())
    known = {migration.version for migration in wanted}
    unknown = sorted(applied.keys() - known)  # one between those that are known counts too
    if unknown:
        raise DatabaseWrong(
            f"The database has migration {unknown[-1]:04d}, which this version of Pulse does not know (its newest is "
            f"{max(known, default=0):04d}): use the newer one."
        )
    for migration in wanted:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise DatabaseWrong(
                f"Migration {migration.version:04d}_{migration.name} was applied with another text than this version "
                "ships. Applied migrations never change: restore the file, or the database from before it."
            )
    return [migration for migration in wanted if migration.version not in applied]
