{{ config(tags=['whole']) }}

-- Each session is left once.
with

exits as (

    select coalesce(sum(transitions) filter (where next_event_type = '(exit)'), 0) as sessions
    from {{ ref('fct_next_steps_daily') }}

),

sessions as (

    select count(*) as sessions from {{ ref('fct_sessions') }}

)

select
    exits.sessions as sessions_left,
    sessions.sessions as sessions_begun
from exits
cross join sessions
where exits.sessions <> sessions.sessions
