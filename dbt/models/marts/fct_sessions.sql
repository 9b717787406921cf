with

sessions as (

    select
        session_id,
        user_id,
        min(event_timestamp) as started_at,
        max(event_timestamp) as ended_at,
        count(*) as event_count,
        count(*) filter (where event_type = 'page_view') as page_view_count,
        max(page) filter (where event_number = 1) as landing_page,
        max(page) filter (where is_last_event) as exit_page
    from {{ ref('int_events_sessionized') }}
    group by session_id, user_id

),

funnel as (

    select * from {{ ref('int_session_funnel') }}

)

select
    sessions.session_id,
    sessions.user_id,
    sessions.started_at,
    sessions.ended_at,
    extract(epoch from sessions.ended_at - sessions.started_at)::numeric(12, 6) as duration_seconds,
    {{ reporting_date('sessions.started_at') }} as session_date,
    sessions.event_count,
    sessions.page_view_count,
    sessions.landing_page,
    sessions.exit_page,
    sessions.event_count = 1 as is_bounce,
    funnel.furthest_step,
    coalesce(funnel.furthest_step = 4, false) as is_converted,
    funnel.ordered_step
from sessions
inner join funnel on sessions.session_id = funnel.session_id
