{{ config(
    materialized='incremental',
    pre_hook="{{ delete_stale(
        'stale.session_date = touched.activity_date', using=ref('int_touched_conversion_days')
    ) }}",
) }}

with

conversions as (

    select sessions.*
    {% if is_incremental() -%}
    from {{ ref('int_touched_conversion_days') }} as touched
    {{ looked_up(ref('fct_sessions'), 'sessions', 'sessions.session_date = touched.activity_date') }}
    {%- else -%}
    from {{ ref('fct_sessions') }} as sessions
    {%- endif %}
    where sessions.is_converted

),

touches as (

    select
        'first' as touch,
        conversions.session_date,
        first_session.landing_page,
        first_session.referrer,
        first_session.utm_source,
        first_session.utm_medium,
        first_session.utm_campaign
    from conversions
    cross join lateral (
        select sessions.*
        from {{ ref('fct_sessions') }} as sessions
        where sessions.user_id = conversions.user_id
        order by sessions.started_at
        limit 1
    ) as first_session

    union all

    select
        'last' as touch,
        session_date,
        landing_page,
        referrer,
        utm_source,
        utm_medium,
        utm_campaign
    from conversions

)

select
    session_date,
    touch,
    {{ shown_page('landing_page') }} as landing_page,
    {{ shown('referrer') }} as referrer,
    {{ shown('utm_source') }} as utm_source,
    {{ shown('utm_medium') }} as utm_medium,
    {{ shown('utm_campaign') }} as utm_campaign,
    count(*) as conversions
from touches
group by 1, 2, 3, 4, 5, 6, 7
