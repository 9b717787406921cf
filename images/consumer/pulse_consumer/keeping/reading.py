"""What the transformation has not read yet, and so must not be removed.

A transformation notes in ops.dbt_offsets how far it had read, once it succeeded. Where none was ever started, nobody
reads the events, and nothing waits.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

_TRANSFORMED = "select exists (select from ops.dbt_runs)"

# The last offset of each place, from the index, step by step: a week may hold billions of rows.
_UNREAD = sql.SQL("""
with recursive place as (
    (select topic_id, kafka_partition from {table} order by 1, 2 limit 1)
    union all
    select following.topic_id, following.kafka_partition from place, lateral (
        select topic_id, kafka_partition from {table} as held
        where (held.topic_id, held.kafka_partition) > (place.topic_id, place.kafka_partition) order by 1, 2 limit 1
    ) as following
)
select exists (
    select from place
    left join ops.dbt_offsets as done on done.topic_id = place.topic_id and done.partition_id = place.kafka_partition
    where exists (
        select from {table} as held
        where held.topic_id = place.topic_id and held.kafka_partition = place.kafka_partition
            and held.kafka_offset >= coalesce(done.next_offset, 0)
    )
)
""")


def is_transformed(connection: psycopg.Connection[Any]) -> bool:
    """Whether a transformation was ever started on this database, with success or without."""
    row = connection.execute(_TRANSFORMED).fetchone()
    return bool(row and row[0])


def has_unread(connection: psycopg.Connection[Any], table: sql.Composable) -> bool:
    """Whether the partition holds an event that no successful transformation has read."""
    if not is_transformed(connection):
        return False
    row = connection.execute(_UNREAD.format(table=table)).fetchone()
    return bool(row and row[0])
