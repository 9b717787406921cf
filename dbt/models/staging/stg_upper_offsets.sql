{{ config(materialized='incremental', pre_hook="{% if is_incremental() %}delete from {{ this }}{% endif %}") }}

-- Read once, before anything else of a run: events go on arriving while the models are built, and every model of one
-- run must see the same ones. The ledger row of a batch is committed with its events, so below its end none is missing.
-- The rows are replaced in place; dropping the table would take the views above it along.
with

batches as (

    select * from {{ source('raw', 'batches') }}

)

select
    topic_id,
    partition_id,
    max(next_offset) as upper_offset
from batches
group by 1, 2
