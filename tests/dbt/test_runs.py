"""What a run says and leaves behind when it fails, is stopped, or meets another one."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pulse import locks
from pulse.settings import DatabaseSettings

from . import warehouse
from .history import history

pytestmark = pytest.mark.integration

_SLOW_MODEL = "{{ config(materialized='table', schema='marts') }} select pg_sleep(300)::text as slept"


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

    ran = warehouse.run(warehouse.settings(raw_dsn, project=project), "--select", "+fct_funnel_daily")

    assert ran.code == 1
    assert "Failed: test funnel_never_grows" in ran.log
    (run,) = warehouse.query(raw_dsn, "select * from ops.dbt_runs")
    assert run["status"] == "failed"
    assert "test funnel_never_grows" in run["message"]
    (result,) = warehouse.query(raw_dsn, "select * from ops.dbt_results where unique_id like '%.funnel_never_grows'")
    assert (result["kind"], result["status"]) == ("test", "fail")
    assert result["failures"] > 0


def test_runs_keep_apart_and_stop_with_whoever_started_them(raw_dsn: str, tmp_path: Path) -> None:
    settings = warehouse.settings(raw_dsn, project=_slow_project(tmp_path))

    def sleeps() -> bool:
        waiting = "select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
        return bool(warehouse.query(raw_dsn, waiting))

    with warehouse.started(settings) as first:
        warehouse.until("the first run is under way", sleeps)
        second = warehouse.run(settings)
        assert second.code == 3
        assert "Another transformation is running" in second.log
        first.kill()
    warehouse.until("dbt has ended with its parent", lambda: not sleeps())

    with warehouse.started(settings) as third:
        warehouse.until("the third run is under way, since the lock of the killed one is free", sleeps)
        third.send_signal(signal.SIGTERM)
        assert warehouse.ended(third).code == 1
    assert not sleeps()

    runs = warehouse.query(raw_dsn, "select status, message from ops.dbt_runs order by started_at")
    assert [tuple(run.values()) for run in runs] == [
        ("aborted", "The process went away."),
        ("aborted", "The run was interrupted."),
    ]


def test_how_far_was_read_is_known_after_a_run_of_all_models_that_succeeded_and_no_other(
    raw_dsn: str, tmp_path: Path
) -> None:
    warehouse.load(raw_dsn, history(4))
    project = _slow_project(tmp_path)
    model = project / "models" / "slow.sql"
    settings = warehouse.settings(raw_dsn, project=project)
    known = "select topic_id, partition_id, next_offset from ops.dbt_offsets order by 1, 2"

    model.write_text("{{ config(materialized='table', schema='marts') }} select 1 / 0 as fails")
    assert warehouse.run(settings).code == 1
    model.write_text("{{ config(schema='marts') }} select 1 as one")
    assert warehouse.run(settings, "--select", "slow").code == 0
    assert warehouse.query(raw_dsn, known) == []

    assert warehouse.run(settings).code == 0
    stored = (
        "select topic_id, partition_id, max(next_offset) as next_offset from raw.batches group by 1, 2 order by 1, 2"
    )
    read = warehouse.query(raw_dsn, known)
    assert read == warehouse.query(raw_dsn, stored)
    assert read


def test_events_are_not_taken_away_while_a_run_reads_them(raw_dsn: str, tmp_path: Path) -> None:
    settings = warehouse.settings(raw_dsn, project=_slow_project(tmp_path))

    def may_remove() -> bool:
        (row,) = warehouse.query(raw_dsn, "select pg_try_advisory_xact_lock(%s) as free", locks.READING)
        return bool(row["free"])

    assert may_remove()
    with warehouse.started(settings) as running:
        warehouse.until("the run has begun", lambda: bool(warehouse.query(raw_dsn, "select from ops.dbt_runs")))
        assert not may_remove()
        running.kill()
    warehouse.until("the lock of the killed run is free", may_remove)


def test_a_database_without_the_tables_is_refused_with_the_command_that_makes_them(
    database: DatabaseSettings,
) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("create schema raw")
    ran = warehouse.run(replace(warehouse.settings(database.dsn), database=database))
    assert ran.code == 3
    assert "run `pulse migrate` first" in ran.log


def _slow_project(directory: Path) -> Path:
    (directory / "models").mkdir()
    (directory / "models" / "slow.sql").write_text(_SLOW_MODEL)
    (directory / "dbt_project.yml").write_text("{name: slow, version: '1.0.0', config-version: 2, profile: pulse}\n")
    shutil.copy(warehouse.PROJECT / "profiles.yml", directory)
    shutil.copytree(warehouse.PROJECT / "macros", directory / "macros")
    return directory
