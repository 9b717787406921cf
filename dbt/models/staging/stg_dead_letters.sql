with

dead_letters as (

    select * from {{ source('raw', 'dead_letters') }}

),

upper_offsets as (

    select * from {{ ref('stg_upper_offsets') }}

),

in_reach as (

    select dead_letters.*
    from dead_letters
    inner join upper_offsets
        on
            dead_letters.topic_id = upper_offsets.topic_id
            and dead_letters.partition_id = upper_offsets.partition_id
            and dead_letters.kafka_offset < upper_offsets.upper_offset

)

select
    topic_id,
    partition_id,
    kafka_offset,
    class,
    first_seen as first_seen_at
from in_reach
