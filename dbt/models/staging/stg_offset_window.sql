with

positions as (

    select * from {{ ref('stg_offset_positions') }}

)

select
    topic_id,
    partition_id,
    min(lower_offset) as lower_offset,
    max(upper_offset) as upper_offset,
    -- Arrivals are counted by blocks of offsets, and a block is counted whole.
    min(lower_offset) / {{ var('offset_block') }} * {{ var('offset_block') }} as read_from
from positions
group by topic_id, partition_id
