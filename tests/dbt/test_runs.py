"""What a run says and leaves behind when it fails, is stopped, or meets another one."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from pulse import locks
from pulse.settings import DatabaseSettings
from pulse_transform import refresh

from . import small, warehouse
from .history import history
from .reference import Rules

pytestmark = pytest.mark.integration

GROUP = "shop-consumer"
POSITIONS = "select consumer_group, partition_id, next_offset, epoch from ops.dbt_positions order by 1, 2"


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


def test_runs_keep_apart_and_stop_with_whoever_started_them(raw_dsn: str, tmp_path: Path) -> None:
    settings = warehouse.settings(raw_dsn, project=small.project(tmp_path, slow=small.SLOW))
    with warehouse.started(settings) as first:
        warehouse.until("the first run is under way", lambda: _sleeps(raw_dsn))
        second = warehouse.run(settings)
        assert second.code == 3
        assert "Another transformation is running" in second.log
        first.kill()
    warehouse.until("dbt has ended with its parent", lambda: not _sleeps(raw_dsn))

    with warehouse.started(settings) as third:
        warehouse.until("the third run is under way, since the killed one's lock is free", lambda: _sleeps(raw_dsn))
        third.send_signal(signal.SIGTERM)
        assert warehouse.ended(third).code == 1
    assert not _sleeps(raw_dsn)

    runs = warehouse.query(raw_dsn, "select status, message from ops.dbt_runs order by started_at")
    assert [tuple(run.values()) for run in runs] == [
        ("aborted", "The process went away."),
        ("aborted", "The run was interrupted."),
    ]


def test_how_far_was_read_is_known_after_a_run_of_all_models_that_succeeded_and_no_other(
    raw_dsn: str, tmp_path: Path
) -> None:
    warehouse.load(raw_dsn, history(4))
    _consumer_stands_at(raw_dsn, 40)
    project = small.project(tmp_path, other=small.BROKEN)
    settings = warehouse.settings(raw_dsn, project=project)
    known = "select topic_id, partition_id, next_offset from ops.dbt_offsets order by 1, 2"

    ran = warehouse.run(settings)
    assert ran.code == 1
    assert _lines(ran, "transform_retried") == [], "what would fail again is not tried again"
    small.write(project, "other", small.ONE)
    assert warehouse.run(settings, "--select", "other", "--full-refresh").code == 0
    assert warehouse.query(raw_dsn, known) == warehouse.query(raw_dsn, POSITIONS) == []

    assert warehouse.run(settings).code == 0
    stored = (
        "select topic_id, partition_id, max(next_offset) as next_offset from raw.batches group by 1, 2 order by 1, 2"
    )
    read = warehouse.query(raw_dsn, known)
    assert read == warehouse.query(raw_dsn, stored)
    assert read
    assert _position(raw_dsn) == (40, 1)

    _consumer_stands_at(raw_dsn, 70)
    assert warehouse.run(settings, "--select", "stg_offset_positions").code == 0
    small.write_test(project, "fails", "select 1")
    assert _reason(warehouse.run(settings), code=1) is None
    assert _position(raw_dsn) == (40, 1)
    small.write_test(project, "fails", "select 1 where false")
    assert warehouse.run(settings).code == 0
    assert _position(raw_dsn) == (70, 1)


def test_a_run_that_is_killed_leaves_how_far_was_read(raw_dsn: str, tmp_path: Path) -> None:
    _consumer_stands_at(raw_dsn, 40)
    project = small.project(tmp_path, other=small.ONE)
    settings = warehouse.settings(raw_dsn, project=project)
    assert warehouse.run(settings).code == 0
    _consumer_stands_at(raw_dsn, 70)
    small.write_test(project, "sleeps", "select pg_sleep(300)::text")
    with _in_the_background_of_a_shell(), warehouse.started(settings) as running:
        warehouse.until("the run is in the middle of it", lambda: _sleeps(raw_dsn))
        running.kill()
    warehouse.until("dbt has ended with its parent", lambda: not _sleeps(raw_dsn))
    assert _position(raw_dsn) == (40, 1)


def test_all_is_built_anew_where_a_run_could_not_add_to_what_is_there_and_the_log_says_why(
    raw_dsn: str, tmp_path: Path
) -> None:
    project = small.project(tmp_path, other=small.ONE)
    settings = warehouse.settings(raw_dsn, project=project)
    other = warehouse.settings(raw_dsn, Rules(session_gap=timedelta(minutes=20)), project)
    changed = "settings have changed: session_gap_seconds"

    assert _reason(warehouse.run(settings)) == refresh.FIRST
    assert _reason(warehouse.run(settings)) is None
    assert _reason(warehouse.run(settings, "--full-refresh")) == refresh.ASKED
    assert _reason(warehouse.run(other)) == changed
    assert _reason(warehouse.run(other)) is None

    small.write(project, "other", small.BROKEN)
    assert _reason(warehouse.run(settings), code=1) == changed
    small.write(project, "other", small.ONE)
    assert _reason(warehouse.run(other)) == changed, "the one before failed, and left what it had built"
    small.write(project, "other", small.ONE.replace("1", "2"))
    assert _reason(warehouse.run(other)) == "the models have changed"

    small.write_test(project, "fails", "select 1")
    assert _reason(warehouse.run(other, "--full-refresh"), code=1) == refresh.ASKED
    small.write_test(project, "fails", "select 1 where false")
    assert _reason(warehouse.run(other)) == refresh.UNFINISHED
    assert _reason(warehouse.run(other)) is None

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
    assert _reason(warehouse.run(settings)) == refresh.FIRST, "a selection is not all models"


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


def test_an_old_source_is_told_and_fails_nothing(raw_dsn: str, tmp_path: Path) -> None:
    project = small.project(tmp_path)
    small.with_source(project, "kafka_timestamp")
    settings = warehouse.settings(raw_dsn, project=project)
    empty = warehouse.run(settings)
    assert empty.code == 0, empty.log
    assert [(line["source"], line["age_seconds"]) for line in _lines(empty, "source_is_stale")] == [
        ("raw.events", None)
    ]

    made = history(4)
    event = replace(made.events[0], kafka_timestamp=datetime.now(UTC) - timedelta(hours=3))
    warehouse.load(raw_dsn, replace(made, events=[event]))
    old = warehouse.run(settings)
    assert old.code == 0, old.log
    (line,) = _lines(old, "source_is_stale")
    assert 3 * 3600 <= line["age_seconds"] < 4 * 3600
    found = warehouse.query(raw_dsn, "select unique_id, status from ops.dbt_results where kind = 'source'")
    assert [tuple(row.values()) for row in found] == [("source.small.raw.events", "error")] * 2


def test_a_source_that_cannot_be_read_fails_the_run_before_anything_is_built(raw_dsn: str, tmp_path: Path) -> None:
    project = small.project(tmp_path)
    small.with_source(project, "no_such_column")
    ran = warehouse.run(warehouse.settings(raw_dsn, project=project))
    assert ran.code == 1
    (line,) = _lines(ran, "node_failed")
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
        _dbt_gives_way(raw_dsn)
        other.execute("set deadlock_timeout = '10min'")
        other.execute("select pg_advisory_xact_lock(2)")
        with warehouse.started(settings) as running:
            warehouse.until("dbt waits for what we hold", lambda: bool(warehouse.query(raw_dsn, waiting)))
            other.execute("select pg_advisory_xact_lock(1)")
            other.commit()
            ran = warehouse.ended(running)
    assert ran.code == 0, ran.log
    (line,) = _lines(ran, "transform_retried")
    assert (line["attempt"], line["nodes"]) == (2, ["model meets"])
    assert "deadlock detected" in line["message"]
    built = warehouse.query(raw_dsn, "select unique_id, status from ops.dbt_results where kind = 'model' order by 1")
    assert [tuple(row.values()) for row in built] == [
        ("model.small.below", "success"),
        ("model.small.meets", "success"),
        ("model.small.stg_offset_positions", "success"),
    ]


def test_a_span_is_handed_to_the_models_and_is_no_setting(raw_dsn: str, tmp_path: Path) -> None:
    span = (
        '{{ config(schema=\'marts\') }} select \'{{ var("rerun_from", "") }}\' as a, \'{{ var("rerun_to", "") }}\' as b'
    )
    rules = Rules(time_zone="Europe/Berlin")
    settings = warehouse.settings(raw_dsn, rules, small.project(tmp_path, span=span))
    assert warehouse.run(settings).code == 0
    ran = warehouse.run(settings, "--from", "2026-03-28", "--to", "2026-03-29")
    assert _reason(ran) is None
    (line,) = _lines(ran, "transform_started")
    expected = {"rerun_from": "2026-03-27T23:00:00+00:00", "rerun_to": "2026-03-29T22:00:00+00:00"}
    assert {name: line[name] for name in expected} == expected, "the clocks change that night"
    assert [tuple(row.values()) for row in warehouse.query(raw_dsn, "select a, b from marts.span")] == [
        tuple(expected.values())
    ]
    assert _reason(warehouse.run(settings)) is None
    assert [tuple(row.values()) for row in warehouse.query(raw_dsn, "select a, b from marts.span")] == [("", "")]


def test_a_span_that_is_empty_or_no_longer_kept_is_refused(raw_dsn: str, tmp_path: Path) -> None:
    settings = warehouse.settings(raw_dsn, project=small.project(tmp_path))
    empty = warehouse.run(settings, "--from", "2026-03-02", "--to", "2026-03-01")
    assert empty.code == 3
    assert "--from 2026-03-02 --to 2026-03-01 is an empty span" in empty.log
    with psycopg.connect(raw_dsn) as connection:
        connection.execute("insert into ops.retention (kept_from) values ('2026-03-02T00:00:00Z')")
    gone = warehouse.run(settings, "--from", "2026-03-01", "--to", "2026-03-05")
    assert gone.code == 3
    assert "2026-03-01T00:00:00+00:00" in gone.log
    assert "before 2026-03-02T00:00:00+00:00" in gone.log
    assert warehouse.query(raw_dsn, "select from ops.dbt_runs") == []


def test_rows_that_were_changed_by_hand_are_in_the_marts_once_their_days_are_read_again(raw_dsn: str) -> None:
    warehouse.load(raw_dsn, history(4))
    settings = warehouse.settings(raw_dsn)
    assert warehouse.run(settings).code == 0
    before = _marts(raw_dsn)
    with psycopg.connect(raw_dsn) as connection:
        changed = connection.execute(
            "update raw.events set page = '/moved' where event_timestamp >= '2026-03-10'"
            " and event_timestamp < '2026-03-13'"
        )
    assert changed.rowcount > 5

    assert warehouse.run(settings).code == 0
    assert _marts(raw_dsn) == before, "nobody told that these days have changed"
    assert _reason(warehouse.run(settings, "--from", "2026-03-10", "--to", "2026-03-12")) is None
    again = _marts(raw_dsn)
    assert again != before
    assert _reason(warehouse.run(settings, "--full-refresh")) == refresh.ASKED
    assert _marts(raw_dsn) == again


def test_who_reads_while_all_is_built_anew_finds_every_mart_and_none_of_them_empty(raw_dsn: str) -> None:
    warehouse.load(raw_dsn, history(4))
    settings = warehouse.settings(raw_dsn)
    assert warehouse.run(settings).code == 0
    filled = sorted(name for name, rows in _marts(raw_dsn).items() if rows)
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


def test_events_are_not_taken_away_while_a_run_reads_them(raw_dsn: str, tmp_path: Path) -> None:
    settings = warehouse.settings(raw_dsn, project=small.project(tmp_path, slow=small.SLOW))

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


def _lines(ran: warehouse.Ran, event: str) -> list[dict[str, Any]]:
    """The lines of this event in the log."""
    found = [json.loads(line) for line in ran.log.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def _reason(ran: warehouse.Ran, code: int = 0) -> str | None:
    """Why the run built everything anew, if it did."""
    assert ran.code == code, ran.log
    (line,) = _lines(ran, "transform_started")
    assert line["full_refresh"] == (line["full_refresh_reason"] is not None)
    return line["full_refresh_reason"]


def _marts(dsn: str) -> dict[str, list[str]]:
    """Every mart's rows, in an order of their own."""
    names = warehouse.query(
        dsn, "select relname as name from pg_class where relnamespace = 'marts'::regnamespace and relkind = 'r'"
    )
    return {row["name"]: sorted(map(str, warehouse.mart(dsn, row["name"]))) for row in names}


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


def _sleeps(dsn: str) -> bool:
    waiting = "select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    return bool(warehouse.query(dsn, waiting))


@contextmanager
def _in_the_background_of_a_shell() -> Iterator[None]:
    """What is started here ignores SIGINT, as a shell has its background do."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _consumer_stands_at(dsn: str, offset: int) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "insert into raw.consumer_offsets (consumer_group, topic, partition_id, topic_id, next_offset, epoch)"
            " values (%s, 'events', 0, %s, %s, 1)"
            " on conflict (consumer_group, topic, partition_id) do update set next_offset = excluded.next_offset",
            [GROUP, warehouse.TOPIC_ID, offset],
        )


def _position(dsn: str) -> tuple[int, int]:
    """From where on the next run reads what the group stored, and its epoch."""
    (row,) = [row for row in warehouse.query(dsn, POSITIONS) if row["consumer_group"] == GROUP]
    return row["next_offset"], row["epoch"]


def _dbt_gives_way(dsn: str) -> None:
    """Of two sessions in each other's way, that of dbt finds it out, and late enough for the other to be there."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            f"alter role {warehouse.ROLE} in database {connection.info.dbname} set deadlock_timeout = '5s'".encode()
        )
