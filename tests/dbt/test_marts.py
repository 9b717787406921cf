"""Every mart equals, row by row, what an independent reading of the rules counts on the same history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from . import warehouse
from .comparing import differences
from .history import History, history
from .reference import Rules, marts

pytestmark = pytest.mark.integration

CASES = {
    "as_set_out_of_the_box": (1, Rules(), "UTC"),
    "days_of_berlin": (
        2,
        Rules(session_gap=timedelta(minutes=45), late_after=timedelta(hours=2), time_zone="Europe/Berlin"),
        "Asia/Tokyo",
    ),
    "days_of_new_york_with_bots_and_without_custom_events": (
        3,
        Rules(time_zone="America/New_York", include_custom_events=False, exclude_bots=False),
        "Asia/Kolkata",
    ),
}


@pytest.mark.parametrize(("seed", "rules", "session_zone"), CASES.values(), ids=CASES)
def test_every_mart_equals_the_reference(raw_dsn: str, seed: int, rules: Rules, session_zone: str) -> None:
    made = history(seed)
    warehouse.load(raw_dsn, made)
    _set_session_zone(raw_dsn, session_zone)  # the reporting days must not come from the server's own zone
    ran = warehouse.run(warehouse.settings(raw_dsn, rules))
    assert ran.code == 0, ran.log
    for name, expected in marts(made, rules).items():
        assert differences(warehouse.mart(raw_dsn, name), expected) == [], name


def test_a_gap_of_31_minutes_is_seen_by_the_comparison(raw_dsn: str) -> None:
    made = history(1)
    warehouse.load(raw_dsn, made)
    wrong = Rules(session_gap=timedelta(minutes=31))
    ran = warehouse.run(warehouse.settings(raw_dsn, wrong), "--select", "fct_sessions", "--full-refresh")
    assert ran.code == 0, ran.log
    sessions = warehouse.mart(raw_dsn, "fct_sessions")
    assert differences(sessions, marts(made, wrong)["fct_sessions"]) == []
    assert differences(sessions, marts(made, Rules())["fct_sessions"]) != []


@pytest.mark.parametrize(("seed", "rules"), [case[:2] for case in CASES.values()], ids=CASES)
def test_the_histories_hold_every_case_that_the_rules_tell_apart(seed: int, rules: Rules) -> None:
    made = marts(history(seed), rules)
    sessions, quality = made["fct_sessions"], made["fct_data_quality_daily"]
    assert {session["ordered_step"] for session in sessions} == {-1, 0, 1, 2, 3, 4}
    assert {session["furthest_step"] for session in sessions} == {None, 0, 1, 2, 3, 4}
    assert {session["landing_page"] is None for session in sessions} == {True, False}
    assert any(session["duration_seconds"] > 23 * 3600 for session in sessions)
    assert any(row["dau"] == 0 for row in made["fct_engagement_daily"])
    assert {row["is_full_window"] for row in made["fct_engagement_daily"]} == {True, False}
    assert {row["late_share_is_high"] for row in quality} == {True, False}
    for column in ("future_events", "bot_events", "custom_events", "step_mismatches", "untrusted_clock_events"):
        assert any(row[column] for row in quality), column
    assert {row["is_stitched"] for row in made["dim_visitors"]} == {True, False}
    assert any(row["share"] == 0 for row in made["fct_retention_cohorts_weekly"])
    assert {len(session["categories"]) for session in sessions} >= {0, 1, 2, 3}
    for column in ("referrer", "utm_source", "utm_medium", "utm_campaign"):
        assert {row[column] == "(none)" for row in made["fct_touches_daily"]} == {True, False}, column


@pytest.mark.parametrize("rule", ["session_gap", "late_after", "time_zone", "include_custom_events", "exclude_bots"])
def test_each_setting_changes_what_is_expected(rule: str) -> None:
    other: dict[str, Any] = {
        "session_gap": timedelta(minutes=31),
        "late_after": timedelta(minutes=5, microseconds=1),
        "time_zone": "Europe/Berlin",
        "include_custom_events": False,
        "exclude_bots": False,
    }
    made: History = history(1)
    assert marts(made, Rules()) != marts(made, Rules(**{rule: other[rule]}))


def _set_session_zone(dsn: str, zone: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"alter database {name} set timezone to '{zone}'".encode())
