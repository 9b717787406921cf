{{ config(tags=['whole']) }}

-- No event is left out of the count of arrivals, whatever its flags are.
with

arrivals as (

    select coalesce(sum(events), 0) as events from {{ ref('fct_data_quality_daily') }}

),

events as (

    select count(*) as events from {{ ref('stg_events') }}

)

select
    arrivals.events as events_in_mart,
    events.events as events_stored
from arrivals
cross join events
where arrivals.events <> events.events
