with

dead_letters as (

    select * from {{ source('raw', 'dead_letters') }}

)

select
    topic_id,
    partition_id,
    kafka_offset,
    class,
    first_seen as first_seen_at
from dead_letters
