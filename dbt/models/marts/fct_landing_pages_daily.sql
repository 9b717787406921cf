{{ config(materialized='incremental', pre_hook="{{ delete_touched_days('session_date') }}") }}

with

pages as (

    select
        sessions.session_date,
        {{ shown_page('sessions.landing_page') }} as landing_page,
        count(*) as sessions,
        count(*) filter (where sessions.is_bounce) as bounces,
        count(*) filter (where sessions.is_converted) as conversions,
        round(avg(sessions.duration_seconds), 2) as avg_duration_seconds
    {% if is_incremental() -%}
    from {{ ref('int_touched_days') }} as touched
    {{ looked_up(ref('fct_sessions'), 'sessions', 'sessions.session_date = touched.activity_date') }}
    {%- else -%}
    from {{ ref('fct_sessions') }} as sessions
    {%- endif %}
    group by 1, 2

)

select
    session_date,
    landing_page,
    sessions,
    bounces,
    {{ percent('bounces', 'sessions') }}::numeric(5, 2) as bounce_share,
    conversions,
    {{ percent('conversions', 'sessions') }}::numeric(5, 2) as conversion_rate,
    avg_duration_seconds::numeric(12, 2) as avg_duration_seconds
from pages
