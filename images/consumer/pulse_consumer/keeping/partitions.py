"""Partitions of raw.events in the database: which there are, making one, removing one.

Each change is one short transaction of the caller's: events of a new week that lie in the DEFAULT partition move along
in it, so that at no moment one is missing or there twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from pulse.weeks import Week

# A week of which more events than this arrived lately stays whole: moving them all would take too long.
STRAYS = 10_000

_PARTITIONS = """
select child.relname from pg_inherits
join pg_class as child on child.oid = inhrelid
where inhparent = 'raw.events'::regclass
"""

# Nobody writes to the DEFAULT partition between the move and the attachment, which refuses a row left behind. Locked
# outright, as reading it first and then asking for more would meet a consumer that does the same.
_LOCK_DEFAULT = "lock table raw.events_default in access exclusive mode"

# The table and not its partitions: a consumer that holds it and asks for a partition must not meet us the other way.
_LOCK_EVENTS = "lock table only raw.events in access exclusive mode"

# See the migration that sets the same for the DEFAULT partition.
_CREATE = sql.SQL("""
create table {table} (like raw.events including all)
with (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)
""")

_MOVE = sql.SQL("""
with moved as (
    delete from raw.events_default where event_id >= {lower} and event_id < {upper} returning *
)
insert into {table} select * from moved
""")

_ATTACH = sql.SQL("alter table raw.events attach partition {table} for values from ({lower}) to ({upper})")

_DETACH = sql.SQL("alter table raw.events detach partition {table}")

_STRAYS = sql.SQL("select count(*) from (select from {table} where ingested_at >= %s limit %s) as strays")

_KEEP_STRAYS = sql.SQL("insert into raw.events_default select * from {table} where ingested_at >= %s")


def existing(connection: psycopg.Connection[Any]) -> list[Week]:
    """The weeks that have a partition, in order; partitions of other names are somebody else's."""
    names = [name for (name,) in connection.execute(_PARTITIONS).fetchall()]
    return sorted(week for week in map(Week.named, names) if week is not None)


def create(connection: psycopg.Connection[Any], week: Week) -> int:
    """Makes the partition of a week and returns how many events of it came out of the DEFAULT partition."""
    table, lower, upper = name(week), sql.Literal(str(week.lower)), sql.Literal(str(week.upper))
    connection.execute(_CREATE.format(table=table))
    connection.execute(_LOCK_DEFAULT)
    moved = connection.execute(_MOVE.format(table=table, lower=lower, upper=upper)).rowcount
    connection.execute(_ATTACH.format(table=table, lower=lower, upper=upper))
    return moved


def hold(connection: psycopg.Connection[Any]) -> None:
    """Nobody reads or writes raw.events from here to the end of the transaction."""
    connection.execute(_LOCK_EVENTS)


def strays(connection: psycopg.Connection[Any], week: Week, kept_from: datetime) -> int:
    """How many events of the week were stored at `kept_from` or later, counted up to one more than STRAYS."""
    row = connection.execute(_STRAYS.format(table=name(week)), (kept_from, STRAYS + 1)).fetchone()
    return int(row[0]) if row else 0


def drop(connection: psycopg.Connection[Any], week: Week, kept_from: datetime) -> int:
    """Removes a week with its events, but for those stored at `kept_from` or later: the DEFAULT partition takes them.

    Returns how many these are.
    """
    table = name(week)
    connection.execute(_DETACH.format(table=table))
    moved = connection.execute(_KEEP_STRAYS.format(table=table), (kept_from,)).rowcount
    connection.execute(sql.SQL("drop table {table}").format(table=table))
    return moved


def name(week: Week) -> sql.Identifier:
    """The partition of a week, with its schema."""
    return sql.Identifier("raw", week.table)
