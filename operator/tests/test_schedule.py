"""When a cron expression has fired, and how Kubernetes writes times."""

from __future__ import annotations

import sys
import zoneinfo
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_operator import schedule
from pulse_operator.schedule import fired_before, longest_gap, zone_known, zone_sentence
from pulse_operator.timestamps import age, seconds_of, text_of

NOON = seconds_of("2026-03-01T12:10:30Z")  # a Sunday


@pytest.mark.parametrize(
    ("expression", "times", "fired"),
    [
        ("*/15 * * * *", 1, "2026-03-01T12:00:00Z"),
        ("*/15 * * * *", 2, "2026-03-01T11:45:00Z"),
        ("*/15 * * * *", 5, "2026-03-01T11:00:00Z"),
        ("10 12 * * *", 1, "2026-03-01T12:10:00Z"),
        ("11 12 * * *", 1, "2026-02-28T12:11:00Z"),
        ("0 4 * * MON-FRI", 1, "2026-02-27T04:00:00Z"),
        ("0 0 29 2 *", 1, "2024-02-29T00:00:00Z"),
        ("@hourly", 1, "2026-03-01T12:00:00Z"),
        ("@daily", 1, "2026-03-01T00:00:00Z"),
        ("@midnight", 2, "2026-02-28T00:00:00Z"),
        ("@weekly", 1, "2026-03-01T00:00:00Z"),
        ("@monthly", 2, "2026-02-01T00:00:00Z"),
        ("@yearly", 1, "2026-01-01T00:00:00Z"),
        ("@annually", 2, "2025-01-01T00:00:00Z"),
    ],
)
def test_when_it_fired(expression: str, times: int, fired: str) -> None:
    found = fired_before(expression, "UTC", NOON, times)
    assert found is not None
    assert text_of(found) == fired


@pytest.mark.parametrize("expression", ["0 0 31 2 *", "61 * * * *", "* * * *", "@never", ""])
def test_what_never_comes_never_fired(expression: str) -> None:
    assert fired_before(expression, "UTC", NOON, 1) is None


@given(st.integers(0, 4_000_000_000))
def test_a_time_that_was_written_is_read_as_it_was(seconds: int) -> None:
    assert seconds_of(text_of(seconds)) == seconds
    assert text_of(seconds + 0.9) == text_of(seconds)


def test_the_age_of_an_object_is_never_below_zero() -> None:
    made = {"metadata": {"creationTimestamp": "2026-03-01T12:10:00Z"}}
    assert age(made, NOON) == 30
    assert age(made, NOON - 3_600) == 0
    assert age({"metadata": {}}, NOON) == 0
    assert age({}, NOON) == 0


def test_a_schedule_goes_by_the_clocks_of_its_zone() -> None:
    found = fired_before("0 9 * * *", "Asia/Tokyo", NOON, 1)
    assert found is not None
    assert text_of(found) == "2026-03-01T00:00:00Z"


def test_a_zone_that_there_is_not_never_comes() -> None:
    assert fired_before("0 9 * * *", "Mars/Olympus", NOON, 1) is None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("UTC", True),
        ("Europe/Berlin", True),
        ("Etc/GMT-3", True),
        ("Mars/Phobos", False),
        ("Europe", False),
        ("..", False),
    ],
)
def test_which_time_zones_there_are(name: str, known: bool) -> None:
    assert zone_known(name) is known


def test_an_unknown_zone_names_the_nearest() -> None:
    assert "such as Europe/Zurich" in zone_sentence("Europe/Zürich")
    assert "such as Europe/Berlin" in zone_sentence("Mars/Phobos")


def test_without_a_database_of_zones_none_is_called_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tzdata", "tzdata.zoneinfo"):
        monkeypatch.setitem(sys.modules, name, None)
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    schedule._zones.cache_clear()
    try:
        assert zone_known("Mars/Phobos")
    finally:
        zoneinfo.reset_tzpath()
        schedule._zones.cache_clear()


@pytest.mark.parametrize(
    ("expression", "zone", "hours"),
    [
        ("*/15 * * * *", "UTC", 0.25),
        ("@daily", "UTC", 24),
        ("0 3 * * 1-5", "UTC", 72),
        ("30 3 * * *", "Europe/Berlin", 24),
        ("0 0 30 2 *", "UTC", None),
        ("@daily", "Mars/Phobos", None),
    ],
)
def test_how_long_it_may_be_from_one_firing_to_the_next(expression: str, zone: str, hours: float | None) -> None:
    assert longest_gap(expression, zone) == (None if hours is None else timedelta(hours=hours))
