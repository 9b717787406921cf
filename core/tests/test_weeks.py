"""Partition bounds: aligned, without a gap, and true to the order of the ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse import ids
from pulse.weeks import Week, is_expired, lowest_id, wanted, weeks

_FIRST = 345_600_000  # 1970-01-05
MOMENTS = st.integers(_FIRST, 7_258_118_400_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))
NOW = datetime(2026, 11, 28, 22, 0, tzinfo=UTC)


@given(MOMENTS)
def test_an_id_lies_in_the_bounds_of_its_week_and_of_no_other(moment: datetime) -> None:
    week = Week.of(moment)
    made = UUID(bytes=ids.derived(int(moment.timestamp() * 1000), b"user"))
    assert week.start <= moment < week.end
    assert week.lower <= made < week.upper
    assert Week(week.end).lower == week.upper


@given(MOMENTS)
def test_a_partition_is_known_again_by_its_name(moment: datetime) -> None:
    week = Week.of(moment)
    assert Week.named(week.table) == week


@pytest.mark.parametrize("name", ["events_default", "events_20261124", "events_20261399", "events_2026w48", "events"])
def test_other_names_are_nobodys_week(name: str) -> None:
    assert Week.named(name) is None


def test_weeks_begin_on_mondays_and_are_called_so() -> None:
    assert Week.of(NOW).start == datetime(2026, 11, 23, tzinfo=UTC)
    assert Week.of(NOW).table == "events_20261123"
    assert str(Week.of(NOW).lower) == "01a205b3-d000-0000-0000-000000000000"


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=900)))
def test_a_span_is_covered_without_a_gap(first: datetime, length: timedelta) -> None:
    span = list(weeks(first, first + length))
    assert span[0].start <= first < span[0].end
    assert span[-1].start <= first + length < span[-1].end
    assert all(one.end == other.start for one, other in pairwise(span))


def test_wanted_reaches_from_the_retention_to_a_week_ahead() -> None:
    assert [week.table for week in wanted(NOW)] == ["events_20261123", "events_20261130"]
    long = wanted(NOW, NOW - timedelta(days=30))
    assert (long[0].table, len(long)) == ("events_20261026", 6)


def test_a_start_in_the_future_takes_nothing_away() -> None:
    assert wanted(NOW, NOW + timedelta(days=365)) == wanted(NOW)


def test_a_week_expires_once_all_of_it_has() -> None:
    week = Week.of(NOW)
    assert not is_expired(week, week.end - timedelta(milliseconds=1))
    assert is_expired(week, week.end)


def test_a_time_before_1970_has_no_id() -> None:
    with pytest.raises(ValueError, match="1969-12-31 is before 1970"):
        lowest_id(datetime(1969, 12, 31, tzinfo=UTC))
