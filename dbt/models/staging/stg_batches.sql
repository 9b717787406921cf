with

batches as (

    select * from {{ source('raw', 'batches') }}

),

offset_window as (

    select * from {{ ref('stg_offset_window') }}

),

in_reach as (

    select batches.*
    from batches
    inner join offset_window
        on
            batches.topic_id = offset_window.topic_id
            and batches.partition_id = offset_window.partition_id
            and batches.next_offset <= offset_window.upper_offset

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
