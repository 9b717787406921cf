-- Each session with a payment is credited twice, to a first and to a last touch. An incremental run looks at the days on which it
-- has counted anew.
with

conversions as (

    select
        session_date,
        count(*) as conversions
    from {{ ref('fct_sessions') }}
    where
        is_converted
        {%- if not flags.FULL_REFRESH %}
        and session_date in (select touched.activity_date from {{ ref('int_touched_conversion_days') }} as touched)
        {%- endif %}
    group by session_date

),

touches as (

    select
        session_date,
        sum(conversions) filter (where touch = 'first') as first_touches,
        sum(conversions) filter (where touch = 'last') as last_touches
    from {{ ref('fct_touches_daily') }}
    {%- if not flags.FULL_REFRESH %}
    where session_date in (select touched.activity_date from {{ ref('int_touched_conversion_days') }} as touched)
    {%- endif %}
    group by session_date

)

select
    session_date,
    conversions.conversions,
    touches.first_touches,
    touches.last_touches
from conversions
full outer join touches using (session_date)
where
    conversions.conversions is distinct from touches.first_touches
    or conversions.conversions is distinct from touches.last_touches
