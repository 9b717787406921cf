"""What is past the retention: whole weeks, and rows of the DEFAULT partition.

An event ends once two times lie before `kept_from`: the one in its id and the one when it was stored. So an event that
came late, or from a wrong clock, is kept as long as any other, and every event that was stored since is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from pulse.weeks import Week
from pulse_consumer.keeping import partitions, reading
from pulse_consumer.keeping.steps import Connection

ROWS_A_DELETE = 50_000

_NOTE = """
insert into ops.retention (kept_from) values (%s)
on conflict (singleton) do update set kept_from = excluded.kept_from, updated_at = now()
where ops.retention.kept_from < excluded.kept_from
"""

_EXPIRED = """
from raw.events_default as held where ingested_at < %(kept_from)s and (%(all)s or exists (
    select from ops.dbt_offsets as done
    where done.topic_id = held.topic_id and done.partition_id = held.kafka_partition
        and held.kafka_offset < done.next_offset
))
"""

_COUNT = f"select count(*) {_EXPIRED}"

_DELETE = f"delete from raw.events_default where ctid = any(array(select ctid {_EXPIRED} limit %(rows)s))"  # noqa: S608


class Held(Enum):
    """Why a week that is old enough stays all the same; the value is what the log says."""

    UNREAD = "The transformation has not read all of it yet: no run of all models has succeeded since."
    LATE = f"More than {partitions.STRAYS:,} of its events were stored within the retention, and are kept as long."


@dataclass(frozen=True, slots=True)
class Dropped:
    """A week that is gone; `moved` are events of it that came late, and went on to the DEFAULT partition."""

    moved: int


def kept_from(now: datetime, retention: timedelta) -> datetime:
    """From when on events are kept: a full hour, as the ledger keeps no finer times for ever."""
    return (now - retention).replace(minute=0, second=0, microsecond=0)


def note(connection: Connection, moment: datetime) -> None:
    """Says what will be missing. To be done before anything is, so that nobody takes a hole for a loss."""
    connection.execute(_NOTE, (moment,))


def judge(connection: Connection, week: Week, moment: datetime) -> Held | int:
    """Why the week has to stay, or else how many events of it must be kept."""
    if reading.has_unread(connection, partitions.name(week)):
        return Held.UNREAD
    late = partitions.strays(connection, week, moment)
    return late if late <= partitions.STRAYS else Held.LATE


def end(connection: Connection, week: Week, moment: datetime) -> Held | Dropped:
    """Drops the week, unless it has to stay. Whoever writes waits meanwhile, so that no event slips in."""
    partitions.hold(connection)
    verdict = judge(connection, week, moment)
    return verdict if isinstance(verdict, Held) else Dropped(partitions.drop(connection, week, moment))


def count_expired(connection: Connection, moment: datetime) -> int:
    """How many rows of the DEFAULT partition `expire` would remove."""
    words = {"kept_from": moment, "all": not reading.is_transformed(connection)}
    row = connection.execute(_COUNT, words).fetchone()
    return int(row[0]) if row else 0


def expire(connection: Connection, moment: datetime) -> int:
    """Removes up to ROWS_A_DELETE expired rows of the DEFAULT partition; returns how many."""
    words = {"kept_from": moment, "all": not reading.is_transformed(connection), "rows": ROWS_A_DELETE}
    return connection.execute(_DELETE, words).rowcount
