with

events as (

    select
        session_id,
        event_number,
        is_last_event,
        event_type,
        {{ shown_page('page') }} as page
    from {{ ref('int_events_sessionized') }}

),

steps as (

    select
        event_type as from_event_type,
        page as from_page,
        case when is_last_event then '(exit)' else lead(event_type) over session_events end as next_event_type,
        case when is_last_event then '(exit)' else lead(page) over session_events end as next_page
    from events
    window session_events as (partition by session_id order by event_number)

),

transitions as (

    select
        from_event_type,
        from_page,
        next_event_type,
        next_page,
        count(*) as transitions
    from steps
    group by from_event_type, from_page, next_event_type, next_page

)

select
    from_event_type,
    from_page,
    next_event_type,
    next_page,
    transitions,
    {{ percent('transitions', 'sum(transitions) over (partition by from_event_type, from_page)') }}::numeric(5, 2)
        as share
from transitions
