with

dead_letters as (

    select * from {{ source('raw', 'dead_letters') }}

),

offset_window as (

    select * from {{ ref('stg_offset_window') }}

),

in_reach as (

    select dead_letters.*
    from dead_letters
    inner join offset_window
        on
            dead_letters.topic_id = offset_window.topic_id
            and dead_letters.partition_id = offset_window.partition_id
            and dead_letters.kafka_offset < offset_window.upper_offset

)

select
    topic_id,
    partition_id,
    kafka_offset,
    class,
    first_seen as first_seen_at
from in_reach
