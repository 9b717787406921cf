"""A span of event time that is read again on demand."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pulse_transform import refresh

from . import small, warehouse
from .history import history
from .reference import Rules

pytestmark = pytest.mark.integration


def test_a_span_is_handed_to_the_models_and_is_no_setting(raw_dsn: str, tmp_path: Path) -> None:
    span = (
        '{{ config(schema=\'marts\') }} select \'{{ var("rerun_from", "") }}\' as a, \'{{ var("rerun_to", "") }}\' as b'
    )
    rules = Rules(time_zone="Europe/Berlin")
    settings = warehouse.settings(raw_dsn, rules, small.project(tmp_path, span=span))
    assert warehouse.run(settings).code == 0
    ran = warehouse.run(settings, "--from", "2026-03-28", "--to", "2026-03-29")
    assert warehouse.reason(ran) is None
    (line,) = ran.lines("transform_started")
    expected = {"rerun_from": "2026-03-27T23:00:00+00:00", "rerun_to": "2026-03-29T22:00:00+00:00"}
    assert {name: line[name] for name in expected} == expected, "the clocks change that night"
    assert [tuple(row.values()) for row in warehouse.query(raw_dsn, "select a, b from marts.span")] == [
        tuple(expected.values())
    ]
    assert warehouse.reason(warehouse.run(settings)) is None
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
    before = warehouse.all_marts(raw_dsn)
    with psycopg.connect(raw_dsn) as connection:
        changed = connection.execute(
            "update raw.events set page = '/moved' where event_timestamp >= '2026-03-10'"
            " and event_timestamp < '2026-03-13'"
        )
    assert changed.rowcount > 5

    assert warehouse.run(settings).code == 0
    assert warehouse.all_marts(raw_dsn) == before, "nobody told that these days have changed"
    assert warehouse.reason(warehouse.run(settings, "--from", "2026-03-10", "--to", "2026-03-12")) is None
    again = warehouse.all_marts(raw_dsn)
    assert again != before
    assert warehouse.reason(warehouse.run(settings, "--full-refresh")) == refresh.ASKED
    assert warehouse.all_marts(raw_dsn) == again
