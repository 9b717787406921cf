"""Migrations: once each, all or nothing, one pipeline a database, least rights."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pulse.errors import DatabaseWrong
from pulse.names import INGEST_ROLE, READER_ROLE, TRANSFORM_ROLE
from pulse.settings import DatabaseSettings
from pulse_consumer.migrate import Migration, migrate, shipped

pytestmark = pytest.mark.integration


def test_a_second_run_applies_nothing(database: DatabaseSettings) -> None:
    assert [one.version for one in migrate(database.dsn, "shop")] == [one.version for one in shipped()]
    assert migrate(database.dsn, "shop") == []


def test_runs_that_start_together_apply_each_file_once(database: DatabaseSettings) -> None:
    applied: list[int] = []

    def run() -> None:
        applied.extend(one.version for one in migrate(database.dsn, "shop"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [one.version for one in shipped()]


def test_a_second_pipeline_is_refused_by_name(database: DatabaseSettings) -> None:
    migrate(database.dsn, "shop")
    with pytest.raises(DatabaseWrong, match="belongs to pipeline 'shop', not to 'news'"):
        migrate(database.dsn, "news")


def test_a_file_that_fails_leaves_nothing_behind(database: DatabaseSettings) -> None:
    broken = [*shipped(), Migration(9999, "broken", "create table raw.half (a int); select nonsense")]
    with pytest.raises(DatabaseWrong, match="9999_broken"):
        migrate(database.dsn, "shop", broken)
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("select to_regnamespace('raw')").fetchone() == (None,)


def test_a_file_that_was_changed_after_it_was_applied_is_refused(database: DatabaseSettings) -> None:
    migrate(database.dsn, "shop")
    first, *rest = shipped()
    with pytest.raises(DatabaseWrong, match="0001_raw_events was applied with another text"):
        migrate(database.dsn, "shop", [Migration(first.version, first.name, first.text + " "), *rest])


def test_a_database_of_a_newer_version_is_left_alone(database: DatabaseSettings) -> None:
    migrate(database.dsn, "shop")
    with pytest.raises(DatabaseWrong, match="use the newer one"):
        migrate(database.dsn, "shop", shipped()[:-1])


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        (INGEST_ROLE, "select count(*) from raw.events", True),
        (INGEST_ROLE, "delete from raw.events", False),
        (INGEST_ROLE, "update raw.events set page = ''", False),
        (INGEST_ROLE, "select * from ops.dbt_runs", False),
        (TRANSFORM_ROLE, "select count(*) from raw.dead_letters", True),
        (TRANSFORM_ROLE, "create table marts.mine (a int)", True),
        (TRANSFORM_ROLE, "insert into raw.consumer_offsets values ('g', 't', 0, gen_random_uuid(), 0, 1)", False),
        (READER_ROLE, "select count(*) from raw.events", False),
        (READER_ROLE, "select count(*) from ops.dbt_runs", True),
        (READER_ROLE, "create table marts.mine (a int)", False),
    ],
)
def test_each_role_can_do_its_work_and_no_more(
    database: DatabaseSettings, role: str, statement: str, allowed: bool
) -> None:
    migrate(database.dsn, "shop")
    with psycopg.connect(database.dsn) as connection:
        connection.execute(f"set role {role}".encode())
        if allowed:
            connection.execute(statement.encode())
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_reader_sees_the_marts_that_the_transform_makes(database: DatabaseSettings) -> None:
    migrate(database.dsn, "shop")
    with psycopg.connect(database.dsn) as connection:
        connection.execute(f"set role {TRANSFORM_ROLE}; create table marts.made as select 7 as a".encode())
        connection.execute(f"set role {READER_ROLE}".encode())
        assert connection.execute("select a from marts.made").fetchone() == (7,)


def test_an_owner_who_is_no_superuser_can_migrate(database: DatabaseSettings) -> None:
    migrate_as = "migrator"
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        migrate(database.dsn, "shop")  # the roles are there, as an operator makes them
        connection.execute("drop schema raw, ops, staging, intermediate, marts cascade")
        name = connection.info.dbname
        connection.execute(f"drop role if exists {migrate_as}; create role {migrate_as} login password 'test'".encode())
        connection.execute(
            f"grant create on database {name} to {migrate_as}; grant {TRANSFORM_ROLE} to {migrate_as}".encode()
        )
        assert len(migrate(make_conninfo(database.dsn, user=migrate_as, password="test"), "shop")) == len(shipped())
        connection.execute(f"drop owned by {migrate_as} cascade; drop role {migrate_as}".encode())
