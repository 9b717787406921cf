{{ config(tags=['whole']) }}

-- From every counted event there is one step: to the next event, or out of the session.
with

steps as (

    select coalesce(sum(transitions), 0) as events from {{ ref('fct_next_steps_daily') }}

),

events as (

    select count(*) as events
    from {{ ref('int_events_sessionized') }}
    where session_id is not null

)

select
    steps.events as steps_taken,
    events.events as events_counted
from steps
cross join events
where steps.events <> events.events
