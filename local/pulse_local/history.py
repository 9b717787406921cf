"""The weeks of history, made before it is sent: else its events gather in the partition of those that have no week.

The partitions are the consumer's, so its `pulse maintain` makes them; here is only which ones history needs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from pulse.adapters.postgres import connect, translating
from pulse.weeks import Week, weeks
from pulse_local import provision
from pulse_local.output import say
from pulse_local.services import postgres
from pulse_local.stack import POSTGRES, Stack

EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # the contract accepts nothing before

_MISSING = "select name from unnest(%s::text[]) as name where to_regclass('raw.' || name) is null"


def make_weeks(local: Stack, needed: Iterable[Week]) -> None:
    """Sees to it that the stack's database has a partition for each of these weeks; Stop if it cannot.

    Those of the time before events are accepted, and of the future, are left out.
    """
    with connect(local.state.dsn(postgres.ADMIN), "pulse-local") as connection:
        missing = _missing(connection, needed)
    if missing:
        say(f"Making partitions for history: {len(missing)}, from the week of {_day(missing[0])} on")
        words = [word for week in missing for word in ("--week", _day(week))]
        provision.maintain(local.state, local.env, local.paths.log("maintain"), words)


def tell_missing(dsn: str, needed: Iterable[Week]) -> None:
    """Says what to do beforehand where the database is not the stack's own: only its owner can make partitions."""
    with connect(dsn, "pulse-import") as connection:
        missing = _missing(connection, needed)
    if missing:
        say(
            f"Weeks of this history that have no partition in the database: {len(missing)}. Their events go into "
            f"raw.events_default. `pulse maintain --from {_day(missing[0])}` as its owner makes them, and moves such "
            "events."
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
        needed = list(weeks(end - dt.timedelta(days=days), end)) if days > 0 else []
    except (ValueError, OverflowError):
        return
    make_weeks(local, needed)


def _missing(connection: psycopg.Connection[Any], needed: Iterable[Week]) -> list[Week]:
    now = dt.datetime.now(dt.UTC)
    asked = {week.table: week for week in needed if EARLIEST <= week.start <= now}
    with translating("Looking at the partitions of raw.events"):
        return sorted(asked[name] for (name,) in connection.execute(_MISSING.encode(), [list(asked)]).fetchall())


def _day(week: Week) -> str:
    return f"{week.start:%Y-%m-%d}"
