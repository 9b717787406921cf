"""The weeks of history, made before it is sent: else its events gather in the partition of those that have no week.

The partitions are the consumer's, so its `pulse maintain` makes them; here is only which ones history needs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, cast

import psycopg

from pulse.adapters.postgres import connect, translating
from pulse_local import provision
from pulse_local.output import say
from pulse_local.services import postgres
from pulse_local.stack import POSTGRES, Stack

EARLIEST = dt.date(2000, 1, 1)  # the contract accepts nothing before
_DAY_MS = 86_400_000
_EPOCH = dt.date(1970, 1, 1)

# By the name that each has: docs/reference/raw-tables.md.
_MISSING = """
select day from unnest(%s::date[]) as day where to_regclass('raw.events_' || to_char(day, 'YYYYMMDD')) is null
order by 1
"""


def monday(milliseconds: int) -> dt.date:
    """The first day of the week, in UTC, of a time since 1970."""
    day = _EPOCH + dt.timedelta(days=milliseconds // _DAY_MS)
    return day - dt.timedelta(days=day.weekday())


def weeks_between(first: dt.datetime, last: dt.datetime) -> list[dt.date]:
    """The Mondays of the weeks from one moment to another."""
    start, end = (monday(int(moment.timestamp() * 1000)) for moment in (first, last))
    return [start + dt.timedelta(weeks=number) for number in range((end - start).days // 7 + 1)]


def make_weeks(local: Stack, weeks: Iterable[dt.date]) -> None:
    """Sees to it that the stack's database has a partition for each of these Mondays' weeks; Stop if it cannot.

    Those of the time before events are accepted, and of the future, are left out.
    """
    with connect(local.state.dsn(postgres.ADMIN), "pulse-local") as connection:
        missing = _missing(connection, weeks)
    if missing:
        say(f"Making partitions for history: {len(missing)}, from the week of {missing[0]} on")
        words = [word for week in missing for word in ("--week", week.isoformat())]
        provision.maintain(local.state, local.env, local.paths.log("maintain"), words)


def tell_missing(dsn: str, weeks: Iterable[dt.date]) -> None:
    """Says what to do beforehand where the database is not the stack's own: only its owner can make partitions."""
    with connect(dsn, "pulse-import") as connection:
        missing = _missing(connection, weeks)
    if missing:
        say(
            f"Weeks of this history that have no partition in the database: {len(missing)}. Their events go into "
            f"raw.events_default. `pulse maintain --from {missing[0]}` as its owner makes them, and moves such events."
        )


def before_simulation(local: Stack, asked: Mapping[str, Any], env: Mapping[str, str], now: dt.datetime) -> None:
    """Makes the weeks of the history that `pulse simulate` was asked for, by its words or else its variables.

    Words that the command will refuse are its to refuse.
    """
    if not local.is_running(POSTGRES) or "PULSE_KAFKA_BOOTSTRAP_SERVERS" in env:
        return
    try:
        days = int(asked.get("days") or env.get("PULSE_SIM_DAYS") or 0)
        said = asked.get("end") or env.get("PULSE_SIM_END")
        end = dt.datetime.fromisoformat(said) if said else now
        end = end if end.tzinfo else end.replace(tzinfo=dt.UTC)
        weeks = weeks_between(end - dt.timedelta(days=days), end) if days > 0 else []
    except (ValueError, OverflowError):
        return
    make_weeks(local, weeks)


def _missing(connection: psycopg.Connection[Any], weeks: Iterable[dt.date]) -> list[dt.date]:
    today = dt.datetime.now(dt.UTC).date()
    asked = sorted(week for week in set(weeks) if EARLIEST <= week <= today)
    with translating("Looking at the partitions of raw.events"):
        return [cast(dt.date, week) for (week,) in connection.execute(_MISSING.encode(), [asked]).fetchall()]
