"""Dead letters and conflicts that are past their retention.

A letter ends once nothing has happened to it since `kept_from`, and to no other attempt of the same record: what one
attempt was sent as says what the next may be changed to. Open letters end like the others and are counted apart, as
nobody has seen to them, and what was in the record goes with them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from pulse_consumer.keeping.steps import Connection
from pulse_consumer.letters.ledger import LOCK

ROWS_A_DELETE = 10_000

_NOTE = """
insert into ops.dead_letter_retention (kept_from) values (%s)
on conflict (singleton) do update set kept_from = excluded.kept_from, updated_at = now()
where ops.dead_letter_retention.kept_from < excluded.kept_from
"""

_EXPIRED = """
select letters.topic_id, letters.partition_id, letters.kafka_offset, letters.class,
    states.state in ('open', 'sending') as is_open
from raw.dead_letters as letters
join raw.dead_letter_states as states using (topic_id, partition_id, kafka_offset)
where letters.first_seen < %(kept_from)s and states.state_since < %(kept_from)s and not exists (
    select from raw.dead_letters as kin
    join raw.dead_letter_states as kin_states using (topic_id, partition_id, kafka_offset)
    where kin_states.state_since >= %(kept_from)s and (
        (kin.first_topic_id, kin.first_partition_id, kin.first_kafka_offset) = (
            coalesce(letters.first_topic_id, letters.topic_id),
            coalesce(letters.first_partition_id, letters.partition_id),
            coalesce(letters.first_kafka_offset, letters.kafka_offset))
        or (kin.topic_id, kin.partition_id, kin.kafka_offset) = (
            letters.first_topic_id, letters.first_partition_id, letters.first_kafka_offset)))
"""

_COUNT = f"select class, is_open, count(*) from ({_EXPIRED}) as expired group by 1, 2"  # noqa: S608

_DELETE = f"""
with expired as ({_EXPIRED} limit %(rows)s), gone as (
    delete from raw.dead_letters as letters using expired
    where letters.topic_id = expired.topic_id and letters.partition_id = expired.partition_id
        and letters.kafka_offset = expired.kafka_offset
)
select class, is_open, count(*) from expired group by 1, 2
"""  # noqa: S608

_COUNT_CONFLICTS = "select count(*) from raw.event_conflicts where seen_at < %(kept_from)s"

_DELETE_CONFLICTS = """
delete from raw.event_conflicts where ctid = any(array(
    select ctid from raw.event_conflicts where seen_at < %(kept_from)s limit %(rows)s))
"""


@dataclass(slots=True)
class Expired:
    """How many letters were removed, or would be; `open` are those among them that nobody had seen to, by class."""

    letters: int = 0
    open: Counter[str] = field(default_factory=Counter)

    def add(self, other: Expired) -> None:
        self.letters += other.letters
        self.open += other.open


def note(connection: Connection, moment: datetime) -> None:
    """Says what will be missing. To be done before anything is, so that nobody takes a hole for a loss."""
    connection.execute(_NOTE, (moment,))


def count_expired(connection: Connection, moment: datetime) -> Expired:
    """What `expire` would remove in all."""
    return _summed(connection, _COUNT, moment)


def expire(connection: Connection, moment: datetime) -> Expired | None:
    """Removes up to ROWS_A_DELETE letters, with what was done about them; None while `pulse dlq` is at work on some."""
    row = connection.execute("select pg_try_advisory_xact_lock(%s)", (LOCK,)).fetchone()
    return _summed(connection, _DELETE, moment) if row and row[0] else None


def count_expired_conflicts(connection: Connection, moment: datetime) -> int:
    """How many conflicts `expire_conflicts` would remove in all."""
    row = connection.execute(_COUNT_CONFLICTS, {"kept_from": moment}).fetchone()
    return int(row[0]) if row else 0


def expire_conflicts(connection: Connection, moment: datetime) -> int:
    """Removes up to ROWS_A_DELETE conflicts; returns how many."""
    return connection.execute(_DELETE_CONFLICTS, {"kept_from": moment, "rows": ROWS_A_DELETE}).rowcount


def _summed(connection: Connection, query: str, moment: datetime) -> Expired:
    found = Expired()
    for reason_class, is_open, count in connection.execute(
        query.encode(), {"kept_from": moment, "rows": ROWS_A_DELETE}
    ).fetchall():
        found.letters += count
        if is_open:
            found.open[reason_class] += count
    return found
