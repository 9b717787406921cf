"""Roles: each does its work and no more, a powerless owner can migrate, neighbours on a server are shut out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from pulse.errors import DatabaseWrong
from pulse.names import DatabaseRoles, database_roles
from pulse.settings import DatabaseSettings
from pulse_consumer.migrate import migrate, shipped
from pulse_local.services import postgres

pytestmark = pytest.mark.integration

PASSWORD = "test"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "roles.md"


def new_prefix() -> str:
    """One that no other test has used: roles outlive the databases of the tests."""
    return f"t{uuid.uuid4().hex[:12]}"


def execute(connection: psycopg.Connection[Any], statement: str, *names: str) -> None:
    """Runs the statement with the names in its braces."""
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def on_page(number: int, pulse: str, shop: str = "") -> list[str]:
    """The statements of one of the page's blocks, with these names in the place of its own."""
    blocks: list[str] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return blocks[number].replace("pulse", pulse).replace("shop", shop).replace("…", PASSWORD).splitlines()


def logged_in(dsn: str, role: str) -> psycopg.Connection[Any]:
    """A connection of the role's own, one transaction a statement."""
    return psycopg.connect(make_conninfo(dsn, user=role, password=PASSWORD), autocommit=True)


def make_roles(connection: psycopg.Connection[Any], roles: DatabaseRoles) -> None:
    """The roles as CloudNativePG makes them from DatabaseRoles: the owner is a member of transform and nothing more."""
    for role in (roles.ingest, roles.transform, roles.reader, roles.owner):
        execute(connection, f"create role {{}} login password '{PASSWORD}'", role)
    execute(connection, "grant {} to {}", roles.transform, roles.owner)


def new_administrator(server: postgres.Server, prefix: str) -> str:
    """One like that of a managed database: what he creates he may administer, and not yet use."""
    name = f"{prefix}_administrator"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        execute(connection, f"create role {{}} login createrole password '{PASSWORD}'", name)
    return name


@contextmanager
def owned_database(server: postgres.Server, owner: str) -> Iterator[str]:
    """The connection string, as superuser, of a database of this owner."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        execute(connection, "create database {} owner {}", name, owner)
        yield server.dsn(name)
        execute(connection, "drop database {} with (force)", name)


@contextmanager
def as_cloudnative_pg(server: postgres.Server) -> Iterator[tuple[str, DatabaseRoles]]:
    """A database with roles of its own, migrated by its owner."""
    prefix = new_prefix()
    roles = database_roles(prefix)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        make_roles(connection, roles)
    with owned_database(server, roles.owner) as dsn:
        migrate(make_conninfo(dsn, user=roles.owner, password=PASSWORD), "shop", prefix)
        yield dsn, roles


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        ("ingest", "select count(*) from raw.events", True),
        ("ingest", "delete from raw.events", False),
        ("ingest", "update raw.events set page = ''", False),
        ("ingest", "select * from ops.dbt_runs", False),
        ("transform", "select count(*) from raw.dead_letters", True),
        ("transform", "create table marts.mine (a int)", True),
        ("transform", "insert into raw.consumer_offsets values ('g', 't', 0, gen_random_uuid(), 0, 1)", False),
        ("reader", "select count(*) from raw.events", False),
        ("reader", "select count(*) from ops.dbt_runs", True),
        ("reader", "create table marts.mine (a int)", False),
    ],
)
def test_each_role_can_do_its_work_and_no_more(
    database: DatabaseSettings, role: str, statement: str, allowed: bool
) -> None:
    migrate(database.dsn, "shop")
    with psycopg.connect(database.dsn) as connection:
        execute(connection, "set role {}", getattr(database_roles(), role))
        if allowed:
            execute(connection, statement)
        else:
            with pytest.raises(InsufficientPrivilege):
                execute(connection, statement)


def test_an_owner_with_no_power_over_the_server_can_migrate_what_the_page_creates(
    postgres_server: postgres.Server,
) -> None:
    prefix = new_prefix()
    owner = database_roles(prefix).owner
    as_owner = make_conninfo(postgres_server.dsn(prefix), user=owner, password=PASSWORD)
    powers = "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls from pg_roles where rolname = %s"
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        for statement in on_page(0, prefix):
            execute(connection, statement)
        assert connection.execute(powers, (owner,)).fetchone() == (False,)
        assert len(migrate(as_owner, "shop", prefix)) == len(shipped())
        assert migrate(as_owner, "shop", prefix) == []
        execute(connection, "drop database {} with (force)", prefix)


def test_the_reader_sees_the_marts_that_the_transform_makes_later(postgres_server: postgres.Server) -> None:
    with as_cloudnative_pg(postgres_server) as (dsn, roles):
        with logged_in(dsn, roles.transform) as connection:
            execute(connection, "create table marts.made as select 7 as a")
        with logged_in(dsn, roles.reader) as connection:
            assert connection.execute("select a from marts.made").fetchone() == (7,)


def test_a_user_who_may_only_create_roles_can_migrate(postgres_server: postgres.Server) -> None:
    prefix = new_prefix()
    administrator = new_administrator(postgres_server, prefix)
    with owned_database(postgres_server, administrator) as dsn:
        applied = migrate(make_conninfo(dsn, user=administrator, password=PASSWORD), "shop", prefix)
        assert len(applied) == len(shipped())


def test_databases_that_are_migrated_together_share_the_roles_that_the_first_makes(
    postgres_server: postgres.Server,
) -> None:
    prefix = new_prefix()
    administrator = new_administrator(postgres_server, prefix)
    with ExitStack() as stack:
        databases = [stack.enter_context(owned_database(postgres_server, administrator)) for _ in range(4)]
        own = [make_conninfo(dsn, user=administrator, password=PASSWORD) for dsn in databases]
        with ThreadPoolExecutor() as threads:
            applied = list(threads.map(lambda dsn: migrate(dsn, "shop", prefix), own))
    assert [len(one) for one in applied] == [len(shipped())] * 4


def test_an_owner_without_the_roles_is_told_to_create_them(postgres_server: postgres.Server) -> None:
    prefix = new_prefix()
    owner = database_roles(prefix).owner
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        execute(connection, f"create role {{}} login password '{PASSWORD}'", owner)
    with (
        owned_database(postgres_server, owner) as dsn,
        pytest.raises(DatabaseWrong, match=f"Do it first: create role {prefix}_ingest nologin;"),
    ):
        migrate(make_conninfo(dsn, user=owner, password=PASSWORD), "shop", prefix)


def test_an_owner_who_is_no_member_of_transform_is_told_to_be_made_one(postgres_server: postgres.Server) -> None:
    prefix = new_prefix()
    roles = database_roles(prefix)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        make_roles(connection, roles)
        execute(connection, "revoke {} from {}", roles.transform, roles.owner)
    with (
        owned_database(postgres_server, roles.owner) as dsn,
        pytest.raises(DatabaseWrong, match=f"Do it first: grant {roles.transform} to {roles.owner};"),
    ):
        migrate(make_conninfo(dsn, user=roles.owner, password=PASSWORD), "shop", prefix)


@pytest.mark.parametrize("role", ["owner", "ingest", "transform", "reader"])
def test_a_neighbour_on_the_server_can_neither_read_nor_write(postgres_server: postgres.Server, role: str) -> None:
    tables = (
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname in ('raw', 'ops', 'staging', 'intermediate', 'marts')"
    )
    with as_cloudnative_pg(postgres_server) as (dsn, roles), as_cloudnative_pg(postgres_server) as (_, others):
        with logged_in(dsn, roles.transform) as connection:
            execute(connection, "create table marts.made as select 7 as a")
            found = [name for (name,) in connection.execute(tables)]
        assert {"raw.events", "ops.pipeline", "marts.made"} <= set(found)
        with logged_in(dsn, getattr(others, role)) as stranger:
            for table in found:
                for statement in (
                    f"select from {table}",
                    f"delete from {table}",
                    f"insert into {table} default values",
                ):
                    with pytest.raises(InsufficientPrivilege):
                        execute(stranger, statement)
            for schema in ("raw", "ops", "staging", "intermediate", "marts", "public"):
                with pytest.raises(InsufficientPrivilege):
                    execute(stranger, "create table {}.mine (a int)", schema)


def test_another_prefix_is_refused_until_the_roles_have_its_names(database: DatabaseSettings) -> None:
    before, after = new_prefix(), new_prefix()
    migrate(database.dsn, "shop", before)
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        make_mart = "set role {}; create table marts.made as select 7 as a; reset role"
        execute(connection, make_mart, database_roles(before).transform)
        with pytest.raises(DatabaseWrong, match=f"set PULSE_ROLE_PREFIX to {before}.*ops.pipeline.role_prefix"):
            migrate(database.dsn, "shop", after)
        for statement in on_page(1, before, after):
            execute(connection, statement)
        assert migrate(database.dsn, "shop", after) == []
        execute(connection, "set role {}; drop table marts.made", database_roles(after).transform)


def test_a_database_from_before_the_prefix_has_the_default_one(database: DatabaseSettings) -> None:
    migrate(database.dsn, "shop")
    with psycopg.connect(database.dsn) as connection:
        execute(connection, "alter table ops.pipeline drop column role_prefix")
    assert migrate(database.dsn, "shop") == []
    with pytest.raises(DatabaseWrong, match="set PULSE_ROLE_PREFIX to pulse"):
        migrate(database.dsn, "shop", new_prefix())
