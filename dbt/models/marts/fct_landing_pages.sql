with

pages as (

    select
        {{ shown_page('landing_page') }} as landing_page,
        count(*) as sessions,
        count(*) filter (where is_bounce) as bounces,
        count(*) filter (where is_converted) as conversions,
        round(avg(duration_seconds), 2) as avg_duration_seconds
    from {{ ref('fct_sessions') }}
    group by 1

)

select
    landing_page,
    sessions,
    bounces,
    {{ percent('bounces', 'sessions') }}::numeric(5, 2) as bounce_share,
    conversions,
    {{ percent('conversions', 'sessions') }}::numeric(5, 2) as conversion_rate,
    avg_duration_seconds::numeric(12, 2) as avg_duration_seconds
from pages
