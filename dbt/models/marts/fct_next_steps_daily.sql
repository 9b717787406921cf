-- depends_on: {{ ref('fct_sessions') }}
{{ config(
    materialized='incremental',
    pre_hook="{{ delete_touched_days('session_date') }}",
) }}

with

{% if is_incremental() -%}
sessions as (

    select
        sessions.user_id,
        sessions.started_at,
        sessions.ended_at,
        sessions.session_date
    from {{ ref('int_touched_days') }} as touched
    {{ looked_up(ref('fct_sessions'), 'sessions', 'sessions.session_date = touched.activity_date') }}

),
{%- endif %}

events as (

    select
        {% if is_incremental() -%}
        sessions.session_date,
        {%- else -%}
        {{ reporting_date('min(sessionized.event_timestamp) over (partition by sessionized.session_id)') }}
            as session_date,
        {%- endif %}
        sessionized.session_id,
        sessionized.event_number,
        sessionized.event_type,
        {{ shown_page('sessionized.page') }} as page
    {% if is_incremental() -%}
    from sessions
    {{ looked_up(
        ref('int_events_sessionized'), 'sessionized', 'sessionized.user_id = sessions.user_id '
        ~ 'and sessionized.event_timestamp between sessions.started_at and sessions.ended_at'
    ) }}
    {%- else -%}
    from {{ ref('int_events_sessionized') }} as sessionized
    where sessionized.session_id is not null
    {%- endif %}

),

steps as (

    select
        session_date,
        event_type as from_event_type,
        page as from_page,
        coalesce(lead(event_type) over session_events, '(exit)') as next_event_type,
        coalesce(lead(page) over session_events, '(exit)') as next_page
    from events
    window session_events as (partition by session_id order by event_number)

),

transitions as (

    select
        session_date,
        from_event_type,
        from_page,
        next_event_type,
        next_page,
        count(*) as transitions
    from steps
    group by session_date, from_event_type, from_page, next_event_type, next_page

)

select
    session_date,
    from_event_type,
    from_page,
    next_event_type,
    next_page,
    transitions,
    {{ percent(
        'transitions', 'sum(transitions) over (partition by session_date, from_event_type, from_page)'
    ) }}::numeric(5, 2) as share
from transitions
