"""What a run says and leaves behind when the data, the sources or the database are wrong, or others are in its way."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from pulse.settings import DatabaseSettings

from . import small, warehouse
from .history import history

pytestmark = pytest.mark.integration


def test_a_mart_that_breaks_an_invariant_fails_the_run_by_name(raw_dsn: str, tmp_path: Path) -> None:
    warehouse.load(raw_dsn, history(4))
    project = tmp_path / "dbt"
    shutil.copytree(warehouse.PROJECT, project)
    model = project / "models" / "marts" / "fct_funnel_daily.sql"
    broken = model.read_text().replace(
        "    users_step_{{ step }},\n", "    users_step_{{ step }} + {{ step }} as users_step_{{ step }},\n"
    )
    assert broken != model.read_text()
    model.write_text(broken)

    ran = warehouse.run(warehouse.settings(raw_dsn, project=project), "--select", "fct_funnel_daily", "--full-refresh")

    assert ran.code == 1
    assert "Failed: test funnel_never_grows" in ran.log
    (run,) = warehouse.query(raw_dsn, "select * from ops.dbt_runs")
    assert run["status"] == "failed"
    assert "test funnel_never_grows" in run["message"]
    (result,) = warehouse.query(raw_dsn, "select * from ops.dbt_results where unique_id like '%.funnel_never_grows'")
    assert (result["kind"], result["status"]) == ("test", "fail")
    assert result["failures"] > 0


def test_an_old_source_is_told_and_fails_nothing(raw_dsn: str, tmp_path: Path) -> None:
    project = small.project(tmp_path)
    small.with_source(project, "kafka_timestamp")
    settings = warehouse.settings(raw_dsn, project=project)
    empty = warehouse.run(settings)
    assert empty.code == 0, empty.log
    assert [(line["source"], line["age_seconds"]) for line in empty.lines("source_is_stale")] == [("raw.events", None)]

    made = history(4)
    event = replace(made.events[0], kafka_timestamp=datetime.now(UTC) - timedelta(hours=3))
    warehouse.load(raw_dsn, replace(made, events=[event]))
    old = warehouse.run(settings)
    assert old.code == 0, old.log
    (line,) = old.lines("source_is_stale")
    assert 3 * 3600 <= line["age_seconds"] < 4 * 3600
    found = warehouse.query(raw_dsn, "select unique_id, status from ops.dbt_results where kind = 'source'")
    assert [tuple(row.values()) for row in found] == [("source.small.raw.events", "error")] * 2


def test_a_source_that_cannot_be_read_fails_the_run_before_anything_is_built(raw_dsn: str, tmp_path: Path) -> None:
    project = small.project(tmp_path)
    small.with_source(project, "no_such_column")
    ran = warehouse.run(warehouse.settings(raw_dsn, project=project))
    assert ran.code == 1
    (line,) = ran.lines("node_failed")
    assert line["node"] == "source raw.events"
    assert "no_such_column" in line["message"]
    kinds = warehouse.query(raw_dsn, "select kind, status from ops.dbt_results")
    assert [tuple(row.values()) for row in kinds] == [("source", "runtime error")]


def test_a_deadlock_is_survived_and_only_what_it_failed_is_done_again(raw_dsn: str, tmp_path: Path) -> None:
    meets = """{{ config(schema='marts', materialized='table',
        pre_hook=['select pg_advisory_xact_lock(1)', 'select pg_advisory_xact_lock(2)']) }} select 1 as one"""
    project = small.project(
        tmp_path, meets=meets, below="{{ config(schema='marts') }} select * from {{ ref('meets') }}"
    )
    settings = warehouse.settings(raw_dsn, project=project)
    waiting = "select from pg_locks where locktype = 'advisory' and objid = 2 and not granted"
    with psycopg.connect(raw_dsn) as other:
        # Of two sessions in each other's way, dbt's finds it out, and late enough for the other to be there.
        _dbt_has(raw_dsn, "deadlock_timeout = '5s'")
        other.execute("set deadlock_timeout = '10min'")
        other.execute("select pg_advisory_xact_lock(2)")
        with warehouse.started(settings) as running:
            warehouse.until("dbt waits for what we hold", lambda: bool(warehouse.query(raw_dsn, waiting)))
            other.execute("select pg_advisory_xact_lock(1)")
            other.commit()
            ran = warehouse.ended(running)
    assert ran.code == 0, ran.log
    (line,) = ran.lines("transform_retried")
    assert (line["attempt"], line["nodes"]) == (2, ["model meets"])
    assert "deadlock detected" in line["message"]
    built = warehouse.query(raw_dsn, "select unique_id, status from ops.dbt_results where kind = 'model' order by 1")
    assert [tuple(row.values()) for row in built] == [
        ("model.small.below", "success"),
        ("model.small.meets", "success"),
        ("model.small.stg_offset_positions", "success"),
    ]


def test_a_serialization_failure_is_survived_and_counts_once(raw_dsn: str, tmp_path: Path) -> None:
    """A real one: somebody changes a row and commits after dbt's transaction has begun to see the rows as they were."""
    contested = """{{ config(schema='marts', materialized='table', pre_hook=[
        'select pg_advisory_xact_lock(1)',
        'update contested set changes = changes + 1',
    ]) }} select changes from contested"""
    settings = warehouse.settings(raw_dsn, project=small.project(tmp_path, contested=contested))
    waiting = "select from pg_locks where locktype = 'advisory' and objid = 1 and not granted"
    with psycopg.connect(raw_dsn, autocommit=True) as other:
        other.execute("create table contested as select 0 as changes")
        other.execute(f"grant select, update on contested to {warehouse.ROLE}".encode())
        other.execute("select pg_advisory_lock(1)")
        _dbt_has(raw_dsn, "default_transaction_isolation = 'repeatable read'")
        with warehouse.started(settings) as running:
            warehouse.until("dbt waits with its snapshot taken", lambda: bool(warehouse.query(raw_dsn, waiting)))
            other.execute("update contested set changes = changes + 10")
            other.execute("select pg_advisory_unlock(1)")
            ran = warehouse.ended(running)
    assert ran.code == 0, ran.log
    (line,) = ran.lines("transform_retried")
    assert (line["attempt"], line["nodes"]) == (2, ["model contested"])
    assert "could not serialize access due to concurrent update" in line["message"]
    assert warehouse.query(raw_dsn, "select changes from marts.contested") == [{"changes": 11}]
    (run,) = warehouse.query(raw_dsn, "select status from ops.dbt_runs")
    assert run["status"] == "succeeded"


def test_a_database_without_the_tables_is_refused_with_the_command_that_makes_them(
    database: DatabaseSettings,
) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("create schema raw")
    ran = warehouse.run(replace(warehouse.settings(database.dsn), database=database))
    assert ran.code == 3
    assert "run `pulse migrate` first" in ran.log


def _dbt_has(dsn: str, setting: str) -> None:
    """Sessions of the transformation's role that begin from now on have the setting."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"alter role {warehouse.ROLE} in database {connection.info.dbname} set {setting}".encode())
