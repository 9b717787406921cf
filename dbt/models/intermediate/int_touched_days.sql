{{ config(materialized='table', pre_hook="{{ by_index() }}", post_hook="analyze {{ this }}") }}

-- Every session that began in such a chain, now or before this run, begins or began with an event of the chain: so its day is
-- among the days of the events.
with

chains as (

    select * from {{ ref('int_touched_chains') }}

)

select distinct sessionized.activity_date
from chains
inner join {{ ref('int_events_sessionized') }} as sessionized
    on
        chains.user_id = sessionized.user_id
        and sessionized.event_timestamp between chains.started_at and chains.ended_at
