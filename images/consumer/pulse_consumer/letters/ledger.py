"""Every statement that `pulse dlq` makes: raw.dead_letters is read, raw.dead_letter_moves is added to.

The bytes of a letter change in one place alone, `erase`, which takes the rights of the database's owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from pulse import VERSION
from pulse.adapters import postgres
from pulse.errors import DatabaseUnavailable, DatabaseWrong
from pulse_consumer.letters.letter import Coordinates, Group, Letter, headers, microseconds
from pulse_consumer.letters.selection import CONDITION, Selection
from pulse_consumer.redrive import Origin

APPLICATION = "pulse-dlq"
LOCK = 0x50_75_6C_73_65_44_4C_51  # "PulseDLQ"
ERASED_REASON = "(erased)"

_FROM = """
from raw.dead_letters as letters
join raw.dead_letter_states as states using (topic_id, partition_id, kafka_offset)
"""
_ORDER = "order by letters.first_seen, letters.topic_id, letters.partition_id, letters.kafka_offset"
# Constants of this package alone are put into the texts below (hence the noqa): no value ever is.
_PLACES = f"select topic_id, partition_id, kafka_offset {_FROM} where {CONDITION} {_ORDER} limit %(limit)s"
_SUMMARY = f"""
select letters.class, states.state, count(*), min(letters.first_seen), max(letters.first_seen)
{_FROM} where {CONDITION} group by 1, 2 order by 1, 2
"""
_NAMED = """unnest(%(topic_ids)s::uuid[], %(partitions)s::integer[], %(offsets)s::bigint[])
    as named (topic_id, partition_id, kafka_offset)"""
_LETTERS = f"""
select letters.*, states.state, states.state_since
from {_NAMED}
join raw.dead_letters as letters using (topic_id, partition_id, kafka_offset)
join raw.dead_letter_states as states using (topic_id, partition_id, kafka_offset)
{_ORDER}
"""  # noqa: S608

_MOVES = """
select * from raw.dead_letter_moves
where topic_id = %s and partition_id = %s and kafka_offset = %s order by move_id
"""

_CHAIN = """
select topic_id, partition_id, kafka_offset, attempt from raw.dead_letters
where (topic_id, partition_id, kafka_offset) = (%(topic_id)s, %(partition)s, %(offset)s)
    or (first_topic_id, first_partition_id, first_kafka_offset) = (%(topic_id)s, %(partition)s, %(offset)s)
order by attempt, first_seen
"""

_FATE = """
select 'stored', events.topic_id, events.kafka_partition, events.kafka_offset
from raw.events as events where events.event_id = %(event_id)s
union all
select 'conflict', conflicts.topic_id, conflicts.partition_id, conflicts.kafka_offset
from raw.event_conflicts as conflicts where conflicts.event_id = %(event_id)s
"""

# The ids under which a letter's record was sent already and may be, or come to be, an event. A send of an earlier
# attempt was refused, as this later letter shows, unless its event is there all the same.
_BOUND = f"""
with asked as (
    select letters.*,
        coalesce(letters.first_topic_id, letters.topic_id) as root_topic_id,
        coalesce(letters.first_partition_id, letters.partition_id) as root_partition_id,
        coalesce(letters.first_kafka_offset, letters.kafka_offset) as root_kafka_offset
    from raw.dead_letters as letters
    join {_NAMED} using (topic_id, partition_id, kafka_offset)
)
select distinct asked.topic_id, asked.partition_id, asked.kafka_offset, moves.event_id
from asked
join raw.dead_letters as kin
    on (kin.topic_id = root_topic_id and kin.partition_id = root_partition_id and kin.kafka_offset = root_kafka_offset)
    or (kin.first_topic_id = root_topic_id and kin.first_partition_id = root_partition_id
        and kin.first_kafka_offset = root_kafka_offset)
join raw.dead_letter_moves as moves
    on moves.topic_id = kin.topic_id and moves.partition_id = kin.partition_id and moves.kafka_offset = kin.kafka_offset
where moves.action = 'sending' and moves.event_id is not null
    and (kin.attempt >= asked.attempt or exists (select from raw.events where events.event_id = moves.event_id))
"""  # noqa: S608

_MOVE = """
insert into raw.dead_letter_moves
    (topic_id, partition_id, kafka_offset, action, event_id, patch, reason, command, version)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

_ERASE = """
update raw.dead_letters set key = null, value = null, headers = '[]', reason = %s
where topic_id = %s and partition_id = %s and kafka_offset = %s
"""
_ERASE_PATCHES = """
update raw.dead_letter_moves set patch = null where topic_id = %s and partition_id = %s and kafka_offset = %s
"""


@dataclass(frozen=True, slots=True)
class Move:
    """A row to add to raw.dead_letter_moves."""

    at: Coordinates
    action: str
    event_id: bytes | None = None
    patch: dict[str, Any] | None = None
    reason: str | None = None


@contextmanager
def opened(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection for reading and adding. DatabaseUnavailable or DatabaseWrong."""
    with postgres.connect(dsn, APPLICATION, lock_timeout="30s", timezone="UTC") as connection:
        connection.autocommit = True
        with postgres.translating("Working on the dead letters"):
            yield connection


def claim(connection: psycopg.Connection[Any]) -> None:
    """Makes this the one run that changes letters, until the connection ends. DatabaseUnavailable while another is."""
    row = connection.execute("select pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    if row is None or not row[0]:
        raise DatabaseUnavailable(
            "Another `pulse dlq replay` or `drop` is at work on this database. Wait until it is done."
        )


def places(connection: psycopg.Connection[Any], selection: Selection) -> list[Coordinates]:
    """Where the selected letters stand, the oldest first."""
    rows = connection.execute(_PLACES, {**selection.parameters(), "limit": selection.limit}).fetchall()
    return [Coordinates(*row) for row in rows]


def summary(connection: psycopg.Connection[Any], selection: Selection) -> list[Group]:
    """All that the selection's conditions meet, whatever its limit, by class and state."""
    return [Group(*row) for row in connection.execute(_SUMMARY, selection.parameters()).fetchall()]


def letters(connection: psycopg.Connection[Any], at: Sequence[Coordinates]) -> list[Letter]:
    """These letters with all their bytes, the oldest first; one that is gone is left out."""
    if not at:
        return []
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_LETTERS, _columns(at)).fetchall()
    return [_letter(row) for row in rows]


def moves(connection: psycopg.Connection[Any], at: Coordinates) -> list[dict[str, Any]]:
    """What was done about the letter, in order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_MOVES, (at.topic_id, at.partition, at.offset)).fetchall()


def chain(connection: psycopg.Connection[Any], origin: Origin) -> list[tuple[Coordinates, int]]:
    """Every letter that the record has become, with its attempt: the first, and those of being sent again."""
    names = {"topic_id": UUID(bytes=origin.topic_id), "partition": origin.partition, "offset": origin.offset}
    rows = connection.execute(_CHAIN, names).fetchall()
    return [(Coordinates(*row[:3]), row[3]) for row in rows]


def fate(connection: psycopg.Connection[Any], event_id: UUID) -> list[tuple[str, Coordinates]]:
    """Where records with this id are: `stored` in raw.events, or a `conflict`."""
    rows = connection.execute(_FATE, {"event_id": event_id}).fetchall()
    return [(row[0], Coordinates(*row[1:])) for row in rows]


def bound(connection: psycopg.Connection[Any], at: Sequence[Coordinates]) -> dict[Coordinates, set[bytes]]:
    """The event ids under which the records of these letters were sent before and may be stored."""
    found: dict[Coordinates, set[bytes]] = {place: set() for place in at}
    for *place, event_id in connection.execute(_BOUND, _columns(at)).fetchall():
        found[Coordinates(*place)].add(event_id.bytes)
    return found


def add(connection: psycopg.Connection[Any], new: Sequence[Move], command: str) -> None:
    """Adds the rows, all or none, and commits."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_MOVE, [_row(move, command) for move in new])


def erase(connection: psycopg.Connection[Any], at: Sequence[Coordinates], reason: str, command: str) -> None:
    """Removes the letters' bytes and what patches said of them, and notes it. The rows stay, so that sums do.

    DatabaseWrong unless the log-in owns the tables.
    """
    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(_ERASE, [(ERASED_REASON, one.topic_id, one.partition, one.offset) for one in at])
            cursor.executemany(_ERASE_PATCHES, [(one.topic_id, one.partition, one.offset) for one in at])
            cursor.executemany(_MOVE, [_row(Move(one, "erased", reason=reason), command) for one in at])
    except psycopg.errors.InsufficientPrivilege as refused:
        raise DatabaseWrong(
            f"User {connection.info.user} may not erase dead letters: only the owner of the database may, so that "
            "nobody else can remove what is wrong with a producer. Set PULSE_DATABASE_DSN to the owner's log-in."
        ) from refused


def _columns(at: Sequence[Coordinates]) -> dict[str, Any]:
    return {
        "topic_ids": [place.topic_id for place in at],
        "partitions": [place.partition for place in at],
        "offsets": [place.offset for place in at],
    }


def _row(move: Move, command: str) -> tuple[Any, ...]:
    return (
        move.at.topic_id,
        move.at.partition,
        move.at.offset,
        move.action,
        None if move.event_id is None else UUID(bytes=move.event_id),
        None if move.patch is None else Jsonb(move.patch),
        move.reason,
        command,
        VERSION,
    )


def _letter(row: dict[str, Any]) -> Letter:
    first_us = microseconds(row["first_kafka_timestamp"])
    return Letter(
        Coordinates(row["topic_id"], row["partition_id"], row["kafka_offset"]),
        row["topic"],
        microseconds(row["kafka_timestamp"]),
        row["kafka_timestamp_trusted"] is not False,
        row["key"],
        row["value"],
        headers(row["headers"]),
        row["class"],
        row["reason"],
        row["field"],
        row["sqlstate"],
        row["attempt"],
        row["first_seen"],
        row["state"],
        row["state_since"],
        None
        if row["first_topic_id"] is None
        else Origin(
            row["first_topic_id"].bytes,
            row["first_partition_id"],
            row["first_kafka_offset"],
            first_us,
            row["first_kafka_timestamp_trusted"] is not False,
            row["attempt"],
        ),
    )
