"""Runs one at a time, and how far the events are known to be read, however a run ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pulse import locks

from . import small, warehouse
from .history import history

pytestmark = pytest.mark.integration

GROUP = "shop-consumer"
POSITIONS = "select consumer_group, partition_id, next_offset, epoch from ops.dbt_positions order by 1, 2"


def test_runs_keep_apart_and_stop_with_whoever_started_them(raw_dsn: str, tmp_path: Path) -> None:
    settings = warehouse.settings(raw_dsn, project=small.project(tmp_path, slow=small.SLOW))
    with warehouse.started(settings) as first:
        warehouse.until("the first run is under way", lambda: small.sleeps(raw_dsn))
        second = warehouse.run(settings)
        assert second.code == 3
        assert "Another transformation is running" in second.log
        first.kill()
    warehouse.until("dbt has ended with its parent", lambda: not small.sleeps(raw_dsn))

    with warehouse.started(settings) as third:
        warehouse.until(
            "the third run is under way, since the killed one's lock is free", lambda: small.sleeps(raw_dsn)
        )
        third.send_signal(signal.SIGTERM)
        assert warehouse.ended(third).code == 1
    assert not small.sleeps(raw_dsn)

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
    assert ran.lines("transform_retried") == [], "what would fail again is not tried again"
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
    assert warehouse.reason(warehouse.run(settings), code=1) is None
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
        warehouse.until("the run is in the middle of it", lambda: small.sleeps(raw_dsn))
        running.kill()
    warehouse.until("dbt has ended with its parent", lambda: not small.sleeps(raw_dsn))
    assert _position(raw_dsn) == (40, 1)


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
