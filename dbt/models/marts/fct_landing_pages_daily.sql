{{ config(materialized='incremental', pre_hook="{{ delete_touched_days('session_date') }}") }}

with

pages as (

    select
        session_date,
        {{ shown_page('landing_page') }} as landing_page,
        count(*) as sessions,
        count(*) filter (where is_bounce) as bounces,
        count(*) filter (where is_converted) as conversions,
        round(avg(duration_seconds), 2) as avg_duration_seconds
    from {{ ref('fct_sessions') }}
    {%- if is_incremental() %}
    where session_date in (select touched.activity_date from {{ ref('int_touched_days') }} as touched)
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
