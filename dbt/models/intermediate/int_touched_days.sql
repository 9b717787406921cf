{{ config(materialized='table', post_hook="analyze {{ this }}") }}

-- Every session that began in such a chain, now or before this run, begins or began with an event of the chain: so its day is
-- among the days of the events.
with

touched as (

    select * from {{ ref('int_touched_chains') }}

)

select distinct sessionized.activity_date
from touched
{{ looked_up(
    ref('int_events_sessionized'), 'sessionized', 'sessionized.user_id = touched.user_id '
    ~ 'and sessionized.event_timestamp between touched.started_at and touched.ended_at'
) }}
