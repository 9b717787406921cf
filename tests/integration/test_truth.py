"""From the simulator through Kafka, Postgres and dbt: every mart equals what the simulator counted while it generated.

The truth shares no code with the consumer or the dbt project. Late, repeated, disordered and malformed records are in
every run; a session gap of 31 minutes must be noticed.
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kit.pipeline import Pipeline

from pulse.settings import LogSettings, SimulatorSettings, TransformSettings

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2] / "dbt"


def simulated(pipeline: Pipeline, seed: int) -> dict[str, Any]:
    """Sends a history with every kind of trouble in it and returns the truth about it."""
    truth = pipeline.logs / "truth.json"
    settings = SimulatorSettings(
        pipeline.kafka,
        LogSettings("info", "json"),
        pipeline.plan.events.name,
        seed=seed,
        users=150,
        days=35,
        late_share=0.06,
        duplicate_share=0.05,
        disorder_share=0.05,
        malformed_share=0.02,
        truth=str(truth),
    )
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_simulator"], settings.to_env()))
    assert code == 0, said
    found: dict[str, Any] = json.loads(truth.read_text())
    return found


def transformed(pipeline: Pipeline, **changes: Any) -> None:
    """Runs dbt on all that is stored, as the transformation's own role."""
    settings = TransformSettings(pipeline.transform, LogSettings("info", "json"), str(PROJECT), **changes)
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_transform", "run"], settings.to_env()))
    assert code == 0, said


def plain(value: Any) -> Any:
    """A value of the database in the form of the truth file."""
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def table(pipeline: Pipeline, name: str, columns: list[str], order: str) -> list[dict[str, Any]]:
    """The mart's rows in the form of the truth file."""
    rows = pipeline.rows(f"select {', '.join(columns)} from marts.{name} order by {order}")
    return [dict(zip(columns, map(plain, row), strict=True)) for row in rows]


def sessions(pipeline: Pipeline, columns: list[str]) -> list[list[Any]]:
    """fct_sessions in the form of the truth file: times as microseconds."""
    expressions = [
        f"(extract(epoch from {name.removesuffix('_us')}) * 1000000)::bigint" if name.endswith("_us") else name
        for name in columns
    ]
    query = f'select {", ".join(expressions)} from marts.fct_sessions order by user_id collate "C", started_at'
    return [list(row) for row in pipeline.rows(query)]


def assert_marts_are_true(pipeline: Pipeline, truth: dict[str, Any]) -> None:
    columns = truth["session_columns"]
    assert sessions(pipeline, columns) == truth["sessions"]
    for mart, key, order in (
        ("fct_funnel_daily", "funnel_daily", "activity_date"),
        ("fct_engagement_daily", "engagement_daily", "activity_date"),
    ):
        assert table(pipeline, mart, list(truth[key][0]), order) == truth[key], mart
    wanted = truth["data_quality_daily"]
    quality = table(pipeline, "fct_data_quality_daily", list(wanted[0]), "arrival_date")
    # A day on which only this test's own commits fall has no event of the history.
    assert [row for row in quality if row["events"]] == wanted
    late = sum(row["late_events"] for row in quality)
    assert late == truth["late"] > 0


def assert_accounts_add_up(pipeline: Pipeline, truth: dict[str, Any]) -> None:
    assert min(truth["duplicates"], truth["malformed"], truth["late"]) > 0
    assert pipeline.number("select count(*) from raw.events") == truth["events"]
    assert pipeline.sums() == {
        "read": truth["records"],
        "inserted": truth["events"],
        "duplicate": truth["duplicates"],
        "conflict": 0,
        "dead": truth["malformed"],
        "skipped": 0,
    }
    assert pipeline.number("select count(*) from raw.dead_letters") == truth["malformed"]


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_every_mart_equals_the_truth(pipeline: Pipeline, seed: int) -> None:
    truth = simulated(pipeline, seed)
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert_accounts_add_up(pipeline, truth)
    transformed(pipeline)
    assert_marts_are_true(pipeline, truth)


def test_runs_while_the_history_arrives_come_to_the_same_truth(pipeline: Pipeline) -> None:
    """Late and disordered events are in every part of it: later runs join and lengthen the sessions of earlier ones."""
    truth = simulated(pipeline, seed=16)
    for part in range(3):
        # Batches so small that the consumer can be told to stop before it has read everything.
        consumer = pipeline.start_consumer(batch_rows=200)
        wanted = truth["records"] * (part + 1) // 4
        pipeline.wait_for(lambda wanted=wanted: pipeline.sums()["read"] >= wanted, pipeline.sums)
        assert pipeline.stop(consumer) == 0
        assert pipeline.sums()["read"] < truth["records"]
        transformed(pipeline)
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    transformed(pipeline)
    runs = pipeline.rows("select full_refresh from ops.dbt_runs order by started_at")
    assert runs == [(True,), (False,), (False,), (False,)]
    assert_accounts_add_up(pipeline, truth)
    assert_marts_are_true(pipeline, truth)


def test_a_session_gap_of_31_minutes_is_noticed(pipeline: Pipeline) -> None:
    truth = simulated(pipeline, seed=14)
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    transformed(pipeline)
    assert_marts_are_true(pipeline, truth)
    transformed(pipeline, session_gap=dt.timedelta(minutes=31))
    with pytest.raises(AssertionError):
        assert_marts_are_true(pipeline, truth)


def test_the_marts_agree_with_each_other_while_events_go_on_arriving(pipeline: Pipeline) -> None:
    pipeline.start_consumer(batch_rows=50)
    live = SimulatorSettings(
        pipeline.kafka, LogSettings("info", "json"), pipeline.plan.events.name, seed=15, users=50, rate=1_000
    )
    simulator = pipeline.start(["-m", "pulse_simulator"], live.to_env())
    pipeline.wait_for(lambda: pipeline.sums()["read"] > 1_000, lambda: pipeline.sums())
    for _ in range(2):  # the second run replaces what the first one built; dbt's own tests compare the marts
        before = pipeline.number("select count(*) from raw.events")
        transformed(pipeline)
        counted = pipeline.number("select sum(events) from marts.fct_data_quality_daily")
        assert before <= counted < pipeline.number("select count(*) from raw.events")
    assert pipeline.stop(simulator) == 0
