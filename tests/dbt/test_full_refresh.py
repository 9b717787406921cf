"""When everything is built anew, what runs then alone, and who reads meanwhile."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event

import psycopg
import pytest

from pulse_transform import refresh

from . import small, warehouse
from .comparing import different_tables
from .history import history
from .reference import Rules

pytestmark = pytest.mark.integration

NEW_EVENTS = "select pg_relation_size('intermediate.int_new_events') as size"


def test_all_is_built_anew_where_a_run_could_not_add_to_what_is_there_and_the_log_says_why(
    raw_dsn: str, tmp_path: Path
) -> None:
    project = small.project(tmp_path, other=small.ONE)
    settings = warehouse.settings(raw_dsn, project=project)
    other = warehouse.settings(raw_dsn, Rules(session_gap=timedelta(minutes=20)), project)
    changed = "settings have changed: session_gap_seconds"

    assert warehouse.reason(warehouse.run(settings)) == refresh.FIRST
    assert warehouse.reason(warehouse.run(settings)) is None
    assert warehouse.reason(warehouse.run(settings, "--full-refresh")) == refresh.ASKED
    assert warehouse.reason(warehouse.run(other)) == changed
    assert warehouse.reason(warehouse.run(other)) is None

    small.write(project, "other", small.BROKEN)
    assert warehouse.reason(warehouse.run(settings), code=1) == changed
    small.write(project, "other", small.ONE)
    assert warehouse.reason(warehouse.run(other)) == changed, "the one before failed, and left what it had built"
    small.write(project, "other", small.ONE.replace("1", "2"))
    assert warehouse.reason(warehouse.run(other)) == "the models have changed"

    small.write_test(project, "fails", "select 1")
    assert warehouse.reason(warehouse.run(other, "--full-refresh"), code=1) == refresh.ASKED
    small.write_test(project, "fails", "select 1 where false")
    assert warehouse.reason(warehouse.run(other)) == refresh.UNFINISHED
    assert warehouse.reason(warehouse.run(other)) is None

    runs = warehouse.query(raw_dsn, "select full_refresh from ops.dbt_runs order by started_at")
    assert [run["full_refresh"] for run in runs] == [
        True,
        False,
        True,
        True,
        False,
        True,
        True,
        True,
        True,
        True,
        False,
    ]


def test_a_selection_does_not_build_on_what_has_to_be_built_anew(raw_dsn: str, tmp_path: Path) -> None:
    project = small.project(
        tmp_path, above=small.ONE, below="{{ config(schema='marts') }} select * from {{ ref('above') }}"
    )
    settings = warehouse.settings(raw_dsn, project=project)
    ran = warehouse.run(settings, "--select", "below")
    assert ran.code == 3
    assert f"--select below would build on marts that have to be built anew first, because {refresh.FIRST}" in ran.log
    assert "run `pulse transform` without --select" in ran.log
    assert warehouse.query(raw_dsn, "select from ops.dbt_runs") == []

    assert warehouse.run(settings, "--select", "below", "--full-refresh").code == 0
    built = warehouse.query(raw_dsn, "select unique_id from ops.dbt_results where kind = 'model' order by 1")
    assert [row["unique_id"] for row in built] == ["model.small.above", "model.small.below"]
    assert warehouse.reason(warehouse.run(settings)) == refresh.FIRST, "a selection is not all models"


def test_tests_of_whole_tables_run_when_all_is_built_anew(raw_dsn: str, tmp_path: Path) -> None:
    tests = {"quick": "select 1 where false", "thorough": "{{ config(tags=['whole']) }} select 1 where false"}
    settings = warehouse.settings(raw_dsn, project=small.project(tmp_path, tests=tests))
    ran = [warehouse.run(settings), warehouse.run(settings)]
    assert [run.code for run in ran] == [0, 0]
    tested = warehouse.query(
        raw_dsn,
        "select array_agg(split_part(unique_id, '.', 3) order by unique_id) as names from ops.dbt_results "
        "join ops.dbt_runs using (run_id) where kind = 'test' group by started_at order by started_at",
    )
    assert [row["names"] for row in tested] == [["quick", "thorough"], ["quick"]]


def test_who_reads_while_all_is_built_anew_finds_every_mart_and_none_of_them_empty(raw_dsn: str) -> None:
    warehouse.load(raw_dsn, history(4))
    settings = warehouse.settings(raw_dsn)
    assert warehouse.run(settings).code == 0
    filled = sorted(name for name, rows in warehouse.all_marts(raw_dsn).items() if rows)
    assert {"fct_sessions", "fct_funnel_daily", "dim_visitors"} <= set(filled)
    tables = "select relname, oid from pg_class where relname = any(%s) order by 1"
    old = warehouse.query(raw_dsn, tables, filled)

    with ThreadPoolExecutor() as pool:
        over = Event()
        reading = pool.submit(_fewest_rows, raw_dsn, filled, over)
        try:
            ran = warehouse.run(settings, "--full-refresh")
        finally:
            over.set()
        looks, fewest = reading.result()
    assert ran.code == 0, ran.log
    assert [row["oid"] for row in warehouse.query(raw_dsn, tables, filled)] != [row["oid"] for row in old]
    assert looks > 100
    assert [name for name, rows in fewest.items() if not rows] == []


def test_what_a_full_refresh_has_read_is_given_back_before_the_next_run_and_changes_no_table(raw_dsn: str) -> None:
    warehouse.load(raw_dsn, history(5))
    settings = warehouse.settings(raw_dsn)
    assert warehouse.run(settings).code == 0
    assert warehouse.query(raw_dsn, NEW_EVENTS) == [{"size": 0}]
    built = warehouse.built(raw_dsn)
    # Made from what is new, and limited to that there is no run before it which reads the raw events.
    ran = warehouse.run(settings, "--select", "int_arrivals", "int_identities", "int_quarantined_users", "dim_visitors")
    assert ran.code == 0, ran.log
    assert different_tables(warehouse.built(raw_dsn), built) == ""
    assert warehouse.run(settings, "--from", "2026-03-01", "--to", "2026-04-30").code == 0
    assert warehouse.query(raw_dsn, NEW_EVENTS) != [{"size": 0}], "there are events to be given back"
    assert different_tables(warehouse.built(raw_dsn), built) == ""


def test_who_reads_what_was_new_costs_the_next_run_time_and_fails_none(raw_dsn: str, tmp_path: Path) -> None:
    project = small.project(
        tmp_path,
        int_new_events=small.ONE.replace("marts", "intermediate").replace("schema", "materialized='table', schema"),
    )
    waits = (
        "with gate as materialized (select pg_advisory_xact_lock(1)::text as gone) select 1 from gate where gone = 'x'"
    )
    small.write_test(project, "waits", waits)
    waiting = "select from pg_locks where locktype = 'advisory' and objid = 1 and not granted"
    with psycopg.connect(raw_dsn) as gate, psycopg.connect(raw_dsn) as backup:
        gate.execute("select pg_advisory_xact_lock(1)")
        with warehouse.started(warehouse.settings(raw_dsn, project=project)) as running:
            warehouse.until("all models are built", lambda: bool(warehouse.query(raw_dsn, waiting)))
            backup.execute("select from intermediate.int_new_events")
            gate.commit()
            ran = warehouse.ended(running)
    assert ran.code == 0, ran.log
    assert "new_events_not_emptied" in ran.log
    assert warehouse.query(raw_dsn, "select one from intermediate.int_new_events") == [{"one": 1}]
    assert warehouse.run(warehouse.settings(raw_dsn, project=project)).code == 0


def _fewest_rows(dsn: str, names: list[str], over: Event) -> tuple[int, dict[str, int]]:
    """Counts the rows of all marts again and again; how often it did, and the fewest that each ever had."""
    fewest = dict.fromkeys(names, sys.maxsize)
    looks = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not over.is_set():
            looks += 1
            for name in names:
                row = connection.execute(f"select count(*) from marts.{name}".encode()).fetchone()
                fewest[name] = min(fewest[name], row[0] if row else 0)
    return looks, fewest
