"""What the marts count of a dead letter that is sent again: one event, on the day on which its first record arrived."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from kit.deadletters import UNTYPED, consume, consumed, dlq
from kit.pipeline import Pipeline

from pulse.settings import LogSettings, TransformSettings

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2] / "dbt"
REPLAY = ("replay", "0:0", "--set", "event_type=page_view", "--yes")
DBT_SECONDS = 300
FIRST_ARRIVAL = date(2026, 1, 2)


def transformed(pipeline: Pipeline) -> None:
    """A run of dbt, its own tests included."""
    settings = TransformSettings(pipeline.transform, LogSettings(), str(PROJECT))
    process = pipeline.start(["-m", "pulse_transform", "run"], settings.to_env())
    assert process.wait(DBT_SECONDS) == 0, pipeline.log(process)


def test_a_letter_that_is_sent_again_counts_once_and_as_arrived_when_its_first_record_did(pipeline: Pipeline) -> None:
    consumed(pipeline, UNTYPED)
    # A second after it happened, and ten months before it is sent again.
    pipeline.execute("update raw.dead_letters set kafka_timestamp = '2026-01-02T03:04:06Z'")
    transformed(pipeline)
    assert pipeline.rows("select sum(dead_letters)::int from marts.fct_dead_letters_daily") == [(1,)]
    assert pipeline.number("select count(*) from marts.fct_sessions") == 0

    assert dlq(pipeline, *REPLAY).returncode == 0
    assert dlq(pipeline, *REPLAY, "--again").returncode == 0
    consume(pipeline)
    assert pipeline.sums() == {"read": 3, "inserted": 1, "duplicate": 1, "conflict": 0, "dead": 1, "skipped": 0}
    transformed(pipeline)
    arrivals = "select arrival_date, events::int, late_events::int from marts.fct_data_quality_daily where events > 0"
    assert pipeline.rows(arrivals) == [(FIRST_ARRIVAL, 1, 0)]
    assert pipeline.rows("select sum(dead_letters)::int, sum(duplicates)::int from marts.fct_data_quality_daily") == [
        (1, 1)
    ]
    assert pipeline.rows("select event_count::int, session_date from marts.fct_sessions") == [(1, FIRST_ARRIVAL)]
    assert pipeline.rows("select activity_date, dau::int from marts.fct_engagement_daily where dau > 0") == [
        (FIRST_ARRIVAL, 1)
    ]
    assert pipeline.rows("select sum(dead_letters)::int from marts.fct_dead_letters_daily") == [(1,)]
