"""What a span of days or moments comes to, and which are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from pulse.errors import Stop
from pulse_transform.span import Asked, Span, check_kept, said

BERLIN = timezone(timedelta(hours=1))
NOVEMBER = {date(2026, 11, day): datetime(2026, 11, day, tzinfo=BERLIN) for day in range(1, 9)}


def test_the_last_day_is_in_the_span_and_a_last_moment_is_not() -> None:
    days = Asked(said("2026-11-01"), said("2026-11-03"))
    assert days.days() == [date(2026, 11, 1), date(2026, 11, 4)]
    assert days.span(NOVEMBER) == Span(datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 3, 23, tzinfo=UTC))
    moments = Asked(said("2026-11-01T06:00:00+01:00"), said("2026-11-01T06:00:00.5"))
    assert moments.days() == []
    assert moments.span({}) == Span(
        datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 11, 1, 6, 0, 0, 500_000, tzinfo=UTC)
    )


def test_a_day_and_a_moment_may_be_mixed() -> None:
    mixed = Asked(said("2026-11-01"), said("2026-11-01T00:00:00Z"))
    assert mixed.span(NOVEMBER).end - mixed.span(NOVEMBER).start == timedelta(hours=1)


def test_one_day_is_a_span() -> None:
    span = Asked(said("2026-11-02"), said("2026-11-02")).span(NOVEMBER)
    assert span.as_vars() == {"rerun_from": "2026-11-01T23:00:00+00:00", "rerun_to": "2026-11-02T23:00:00+00:00"}


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-11-03", "2026-11-02"), ("2026-11-01T06:00Z", "2026-11-01T06:00Z"), ("2026-11-02", "2026-11-01T22:00Z")],
)
def test_an_empty_span_is_refused_with_both_its_ends(first: str, last: str) -> None:
    with pytest.raises(Stop, match="is an empty span") as refused:
        Asked(said(first), said(last)).span(NOVEMBER)
    assert f"--from {said(first).isoformat()} --to {said(last).isoformat()}" in str(refused.value)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-11-31", "2026-11-01T25:00", ""])
def test_what_is_no_day_and_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        said(text)


def test_a_span_of_events_that_may_be_gone_is_refused_with_what_is_kept() -> None:
    kept_from = datetime(2026, 11, 1, tzinfo=UTC)
    check_kept(Span(kept_from, kept_from + timedelta(days=1)), kept_from)
    check_kept(Span(kept_from - timedelta(days=900), kept_from), None)
    with pytest.raises(Stop, match=r"2026-10-31T23:59:59\.999999\+00:00.*2026-11-01T00:00:00\+00:00"):
        check_kept(Span(kept_from - timedelta(microseconds=1), kept_from + timedelta(days=1)), kept_from)
