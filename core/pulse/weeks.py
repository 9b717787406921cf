"""The partitions of raw.events: one a week of the ids' leading milliseconds, aligned on Mondays, 00:00 UTC. Pure.

UUIDv7 and v8 carry the milliseconds since 1970 in their leading 48 bits, and Postgres orders uuids by their bytes. So a
range of ids is a range of time, and a week of events can be dropped as one table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_WEEK = timedelta(days=7)
_FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_NAME = re.compile(r"events_(\d{8})")

# How far ahead of the clock partitions are made: a run that is missed does no harm.
AHEAD = _WEEK


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """One week, from `start` (a Monday, 00:00 UTC) up to and without `end`."""

    start: datetime

    @classmethod
    def of(cls, moment: datetime) -> Week:
        """The week that holds an aware `moment`."""
        return cls(_FIRST_MONDAY + (moment - _FIRST_MONDAY) // _WEEK * _WEEK)

    @classmethod
    def named(cls, table: str) -> Week | None:
        """The week of a partition called `table`; None if the name is not one of ours."""
        match = _NAME.fullmatch(table)
        if match is None:
            return None
        try:
            week = cls.of(datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC))
        except ValueError:
            return None
        return week if week.table == table else None

    @property
    def end(self) -> datetime:
        """The first moment that is no longer in it."""
        return self.start + _WEEK

    @property
    def table(self) -> str:
        """The name of its partition, without the schema."""
        return f"events_{self.start:%Y%m%d}"

    @property
    def lower(self) -> UUID:
        """The lowest id in it."""
        return lowest_id(self.start)

    @property
    def upper(self) -> UUID:
        """The lowest id behind it."""
        return lowest_id(self.end)


def lowest_id(moment: datetime) -> UUID:
    """The lowest id of an aware moment, to the millisecond; ValueError before 1970."""
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if milliseconds < 0:
        raise ValueError(f"{moment:%Y-%m-%d} is before 1970: no UUIDv7 has such a time.")
    return UUID(int=milliseconds << 80)


def weeks(first: datetime, last: datetime) -> Iterator[Week]:
    """The weeks that hold the moments from `first` to `last`, both included, in order."""
    week = Week.of(first)
    while week.start <= last:
        yield week
        week = Week(week.end)


def wanted(now: datetime, since: datetime | None = None) -> list[Week]:
    """The partitions that have to be there: from `since` (without it, this week) to a week ahead of `now`."""
    return list(weeks(min(since or now, now), now + AHEAD))


def is_expired(week: Week, kept_from: datetime) -> bool:
    """Whether every moment of the week lies before what is kept."""
    return week.end <= kept_from
