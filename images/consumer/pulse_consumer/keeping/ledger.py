"""Compacting raw.batches: once rows are old, those of a quarter of an hour that follow each other become one.

What is read from the ledger stays as it was: sums by any day of any time zone, how far each partition is stored, and
whether the ranges chain. So rows become one only within a quarter of an hour, at the edges of which days begin; of one
group, topic and partition; each beginning where the one before ended; and never across a move of the stored offset, nor
across the place up to which the transformation has read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from pulse_consumer.keeping.steps import Connection

# Each transaction is kept by itself for so long.
DETAIL = timedelta(days=7)

Place = tuple[str, UUID, int]  # group, topic id, partition

_PLACES = """
with recursive place as (
    (select consumer_group, topic_id, partition_id from raw.batches order by 1, 2, 3 limit 1)
    union all
    select following.* from place, lateral (
        select consumer_group, topic_id, partition_id from raw.batches as held
        where (held.consumer_group, held.topic_id, held.partition_id)
            > (place.consumer_group, place.topic_id, place.partition_id)
        order by 1, 2, 3 limit 1
    ) as following
)
select consumer_group, topic_id, partition_id from place
"""

_COMPACT = """
with old as (
    select *, date_bin('15 minutes', committed_at, 'epoch') as quarter,
        lag(next_offset) over pass as next_before, lag(epoch) over pass as epoch_before
    from raw.batches
    where consumer_group = %(group)s and topic_id = %(topic_id)s and partition_id = %(partition)s
        and committed_at < %(before)s
    window pass as (order by batch_id)
), marked as (
    select *, next_before is distinct from first_offset
        or quarter is distinct from lag(quarter) over (order by batch_id)
        or exists (
            select from ops.dbt_offsets as done
            where done.topic_id = old.topic_id and done.partition_id = old.partition_id
                and done.next_offset = old.first_offset)
        or exists (
            select from raw.offset_moves as moves
            where moves.consumer_group = old.consumer_group and moves.partition_id = old.partition_id
                and old.topic_id in (moves.topic_id, moves.old_topic_id)
                and moves.epoch > old.epoch_before and moves.epoch <= old.epoch) as begins
    from old
), numbered as (
    select *, count(*) filter (where begins) over (order by batch_id) as run from marked
), merged as (
    select run, min(batch_id) as batch_id, max(epoch) as epoch, max(next_offset) as next_offset, sum(read) as read,
        sum(inserted) as inserted, sum(duplicate) as duplicate, sum(conflict) as conflict, sum(dead) as dead,
        sum(skipped) as skipped, max(committed_at) as committed_at
    from numbered group by run having count(*) > 1
), kept as (
    update raw.batches as held set epoch = merged.epoch, next_offset = merged.next_offset, read = merged.read,
        inserted = merged.inserted, duplicate = merged.duplicate, conflict = merged.conflict, dead = merged.dead,
        skipped = merged.skipped, committed_at = merged.committed_at
    from merged where held.batch_id = merged.batch_id
), gone as (
    delete from raw.batches as held using numbered join merged using (run)
    where held.batch_id = numbered.batch_id and held.batch_id <> merged.batch_id
    returning held.batch_id
)
select count(*) from gone
"""


def places(connection: Connection) -> list[Place]:
    """What the ledger is about."""
    return [(group, topic_id, partition) for group, topic_id, partition in connection.execute(_PLACES).fetchall()]


def compact(connection: Connection, place: Place, now: datetime) -> int:
    """Makes fewer rows of what is older than DETAIL; returns how many fewer. The lowest batch_id and the latest
    committed_at of each run of rows stay.
    """
    group, topic_id, partition = place
    words = {"group": group, "topic_id": topic_id, "partition": partition, "before": now - DETAIL}
    row = connection.execute(_COMPACT, words).fetchone()
    return int(row[0]) if row else 0
