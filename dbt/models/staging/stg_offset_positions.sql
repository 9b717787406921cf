{{ config(
    materialized='incremental',
    pre_hook="{{ delete_stale('true') }}",
) }}

-- Read once, in one statement and before anything else of a run: events go on arriving while the models are built, and every
-- model of one run must see the same ones. The ledger row of a batch is committed with its events, so below the end of the
-- ledger none is missing.
-- New are a group's rows from the offset that it had stored when the last whole run began. If its offset was moved back since,
-- what it read again may hold events that were missing: then new are those from the lowest offset that it was moved to.
-- The rows are replaced in place; dropping the table would take the views above it along.
with

batches as (

    select * from {{ source('raw', 'batches') }}

),

offsets as (

    select * from {{ source('raw', 'consumer_offsets') }}

),

moves as (

    select * from {{ source('raw', 'offset_moves') }}

),

known as (

    select * from {{ source('ops', 'dbt_positions') }}

),

ledger as (

    select
        consumer_group,
        topic_id,
        partition_id,
        max(next_offset) as next_offset,
        max(epoch) as epoch
    from batches
    group by consumer_group, topic_id, partition_id

),

-- A topic that was made anew took the place of its forerunner in consumer_offsets; of that one the ledger tells all.
positions as (

    select
        ledger.consumer_group,
        ledger.topic_id,
        ledger.partition_id,
        coalesce(offsets.next_offset, ledger.next_offset) as next_offset,
        coalesce(offsets.epoch, ledger.epoch) as epoch,
        max(ledger.next_offset) over (partition by ledger.topic_id, ledger.partition_id) as upper_offset
    from ledger
    left join offsets
        on
            ledger.consumer_group = offsets.consumer_group
            and ledger.topic_id = offsets.topic_id
            and ledger.partition_id = offsets.partition_id

),

last_run as (

    select coalesce(max(run_number), 0) as run_number from known

),

moved as (

    select
        known.consumer_group,
        known.topic_id,
        known.partition_id,
        min(moves.next_offset) as next_offset
    from known
    inner join moves
        on
            known.consumer_group = moves.consumer_group
            and known.topic_id = moves.topic_id
            and known.partition_id = moves.partition_id
            and known.epoch < moves.epoch
    group by known.consumer_group, known.topic_id, known.partition_id

)

select
    positions.consumer_group,
    positions.topic_id,
    positions.partition_id,
    positions.next_offset,
    positions.epoch,
    case
        when positions.next_offset = known.next_offset and positions.epoch = known.epoch then positions.upper_offset
        else coalesce(least(known.next_offset, moved.next_offset), 0)
    end as lower_offset,
    positions.upper_offset,
    last_run.run_number + 1 as run_number
from positions
cross join last_run
left join known
    on
        positions.consumer_group = known.consumer_group
        and positions.topic_id = known.topic_id
        and positions.partition_id = known.partition_id
left join moved
    on
        positions.consumer_group = moved.consumer_group
        and positions.topic_id = moved.topic_id
        and positions.partition_id = moved.partition_id
