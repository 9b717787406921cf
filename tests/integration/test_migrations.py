"""Migrations: once each, all or nothing, one pipeline a database."""

from __future__ import annotations

import threading

import psycopg
import pytest

from pulse.errors import DatabaseWrong
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
        migrate(database.dsn, "shop", migrations=broken)
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("select to_regnamespace('raw')").fetchone() == (None,)


def test_a_file_that_was_changed_after_it_was_applied_is_refused(database: DatabaseSettings) -> None:
    migrate(database.dsn, "shop")
    first, *rest = shipped()
    with pytest.raises(DatabaseWrong, match="0001_raw_events was applied with another text"):
        migrate(database.dsn, "shop", migrations=[Migration(first.version, first.name, first.text + " "), *rest])


def test_a_database_of_a_newer_version_is_left_alone(database: DatabaseSettings) -> None:
    migrate(database.dsn, "shop")
    with pytest.raises(DatabaseWrong, match="use the newer one"):
        migrate(database.dsn, "shop", migrations=shipped()[:-1])


def test_an_older_file_that_comes_later_is_still_applied(database: DatabaseSettings) -> None:
    before, late, after = shipped()[:-1], Migration(8000, "late", "create table raw.late ()"), shipped()[-1]
    after = Migration(9000, after.name, after.text)
    assert migrate(database.dsn, "shop", migrations=[*before, after]) == [*before, after]
    assert migrate(database.dsn, "shop", migrations=[*before, late, after]) == [late]
    assert migrate(database.dsn, "shop", migrations=[*before, late, after]) == []


def test_a_file_between_those_that_are_known_belongs_to_a_newer_version_too(database: DatabaseSettings) -> None:
    *before, last = shipped()
    late, after = Migration(8000, "late", "create table raw.late ()"), Migration(9000, last.name, last.text)
    migrate(database.dsn, "shop", migrations=[*before, late, after])
    with pytest.raises(DatabaseWrong, match=r"migration 8000, which this version .* \(its newest is 9000\)"):
        migrate(database.dsn, "shop", migrations=[*before, after])
