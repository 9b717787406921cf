with

batches as (

    select * from {{ source('raw', 'batches') }}

)

select
    batch_id,
    committed_at,
    read as records_read,
    inserted as events_inserted,
    duplicate as duplicates,
    conflict as conflicts,
    dead as dead_letters
from batches
