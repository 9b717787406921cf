-- Every counted event is in one session, and no session holds another.
with

sessions as (

    select coalesce(sum(event_count), 0) as events from {{ ref('fct_sessions') }}

),

events as (

    select count(*) as events from {{ ref('int_events_counted') }}

)

select
    sessions.events as events_in_sessions,
    events.events as events_counted
from sessions
cross join events
where sessions.events <> events.events
