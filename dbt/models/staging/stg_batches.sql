with

batches as (

    select * from {{ source('raw', 'batches') }}

),

upper_offsets as (

    select * from {{ ref('stg_upper_offsets') }}

),

in_reach as (

    select batches.*
    from batches
    inner join upper_offsets
        on
            batches.topic_id = upper_offsets.topic_id
            and batches.partition_id = upper_offsets.partition_id
            and batches.next_offset <= upper_offsets.upper_offset

)

select
    batch_id,
    committed_at,
    read as records_read,
    inserted as events_inserted,
    duplicate as duplicates,
    conflict as conflicts,
    dead as dead_letters
from in_reach
