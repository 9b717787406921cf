-- Every counted event is in one session, and no session holds another. An incremental run looks at what it has touched.
with

sessions as (

    select coalesce(sum(sessions.event_count), 0) as events
    from {{ ref('fct_sessions') }} as sessions
    {%- if not flags.FULL_REFRESH %}
    inner join {{ ref('int_touched_chains') }} as touched
        on
            sessions.user_id = touched.user_id
            and sessions.started_at between touched.started_at and touched.ended_at
    {%- endif %}

),

events as (

    select count(*) as events
    from {{ ref('int_events_sessionized') }} as events
    {%- if not flags.FULL_REFRESH %}
    inner join {{ ref('int_touched_chains') }} as touched
        on
            events.user_id = touched.user_id
            and events.event_timestamp between touched.started_at and touched.ended_at
    {%- endif %}
    where events.quarantined_by_run is null

)

select
    sessions.events as events_in_sessions,
    events.events as events_counted
from sessions
cross join events
where sessions.events <> events.events
