"""How the pipeline is, in five lines above every dashboard: read from Postgres and Kafka, judged by fixed rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from pulse_dashboards.web.lag import LagWatch, lag
from pulse_dashboards.web.warehouse import Warehouse, asked

# A consumer at work stores several times a second; with records waiting, a minute without a commit is a standstill.
STILL_SECONDS = 60.0

_NOW = """
select
    now(),
    (
        select coalesce(sum(records_read), 0)::bigint
        from ops.live_batches
        where minute >= date_trunc('minute', now()) - interval '5 minutes' and minute < date_trunc('minute', now())
    ),
    (select coalesce(sum(dead_letters), 0)::bigint from ops.open_dead_letters),
    (select coalesce(sum(of_the_last_day), 0)::bigint from ops.open_dead_letters)
"""
_STORED = """
select partition_id, next_offset, updated_at from ops.stored_offsets
where consumer_group = %(group)s and topic = %(topic)s
"""
_LAST_RUN = """
select status, finished_at from ops.dbt_runs where status <> 'running' order by started_at desc limit 1
"""
_LAST_GOOD_RUN = """
select max(finished_at) from ops.dbt_runs where status = 'succeeded' and selection = '{}'
"""

State = Literal["good", "bad", "unknown"]


class Line(msgspec.Struct, frozen=True):
    """One thing to know: its value in a unit of the cards, how it is, and what to do if that is bad."""

    key: str
    title: str
    state: State
    value: float | int | str | datetime | None = None
    unit: str = "count"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found. `lag` is None if Kafka does not answer."""

    now: datetime
    lag: int | None
    last_commit: datetime | None
    records_per_second: float
    open_letters: int
    letters_of_the_day: int
    last_run: tuple[str, datetime] | None
    last_good_run: datetime | None


def facts(warehouse: Warehouse, watch: LagWatch) -> Facts:
    """Asks. DatabaseUnavailable or DatabaseWrong if Postgres cannot be."""
    # The ends of the log are a few seconds older than what is stored: the lag may be too small by what came meanwhile.
    log = watch.seen()
    with warehouse.reading() as connection:
        now, read, letters, of_the_day = asked(connection, _NOW)[0]
        names = {"group": watch.topics.group, "topic": watch.topics.events}
        stored: Mapping[int, tuple[int, datetime]] = {
            partition: (offset, moved) for partition, offset, moved in asked(connection, _STORED, names)
        }
        runs = asked(connection, _LAST_RUN)
        good = asked(connection, _LAST_GOOD_RUN)[0][0]
    offsets = {partition: offset for partition, (offset, _) in stored.items()}
    return Facts(
        now,
        lag(log, offsets) if log else None,
        max((moved for _, moved in stored.values()), default=None),
        read / 300,
        letters,
        of_the_day,
        (runs[0][0], runs[0][1]) if runs else None,
        good,
    )


def judged(found: Facts, stale_after_seconds: float) -> list[Line]:
    """The lines, the order of the pipeline: Kafka, consumer, dead letters, dbt."""
    return [
        _lag(found),
        Line("throughput", "Stored a second", "good", round(found.records_per_second, 1)),
        _commit(found),
        _letters(found),
        _dbt(found, stale_after_seconds),
    ]


def _stands_still(found: Facts) -> bool:
    if not found.lag:
        return False
    return found.last_commit is None or (found.now - found.last_commit).total_seconds() > STILL_SECONDS


def _lag(found: Facts) -> Line:
    if found.lag is None:
        return Line("lag", "Lag", "unknown", hint="Kafka has not answered for a minute: see whether it runs.")
    if _stands_still(found):
        hint = "Records wait and none is stored: the consumer's log says why (`pulse logs consumer`)."
        return Line("lag", "Lag", "bad", found.lag, hint=hint)
    return Line("lag", "Lag", "good", found.lag)


def _commit(found: Facts) -> Line:
    if found.last_commit is None:
        hint = "Nothing was ever stored: send events, with `pulse simulate` for example."
        return Line("last_commit", "Last commit", "unknown", unit="time", hint=hint)
    state: State = "bad" if _stands_still(found) else "good"
    return Line("last_commit", "Last commit", state, found.last_commit, "time")


def _letters(found: Facts) -> Line:
    if not found.letters_of_the_day:
        return Line("dead_letters", "Open dead letters", "good", found.open_letters)
    hint = f"{found.letters_of_the_day:,} of the last day: `pulse dlq list` says what is wrong with them."
    return Line("dead_letters", "Open dead letters", "bad", found.open_letters, hint=hint)


def _dbt(found: Facts, stale_after_seconds: float) -> Line:
    title = "Marts as of"
    if found.last_good_run is None:
        hint = "dbt has not built the marts yet: `pulse transform` does."
        return Line("dbt", title, "bad", unit="time", hint=hint)
    if found.last_run and found.last_run[0] != "succeeded":
        hint = f"The last run of dbt was {found.last_run[0]}: the runs on Data quality say what."
        return Line("dbt", title, "bad", found.last_good_run, "time", hint)
    if (found.now - found.last_good_run).total_seconds() > stale_after_seconds:
        hint = "dbt has not run for longer than it should: see its schedule and its log."
        return Line("dbt", title, "bad", found.last_good_run, "time", hint)
    return Line("dbt", title, "good", found.last_good_run, "time")
