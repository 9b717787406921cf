{{ config(tags=['whole']) }}

-- Each session lands once, bounces at most once and converts at most once.
with

pages as (

    select
        coalesce(sum(sessions), 0) as sessions,
        coalesce(sum(bounces), 0) as bounces,
        coalesce(sum(conversions), 0) as conversions
    from {{ ref('fct_landing_pages_daily') }}

),

sessions as (

    select
        count(*) as sessions,
        count(*) filter (where is_bounce) as bounces,
        count(*) filter (where is_converted) as conversions
    from {{ ref('fct_sessions') }}

)

select pages.*
from pages
cross join sessions
where
    pages.sessions <> sessions.sessions
    or pages.bounces <> sessions.bounces
    or pages.conversions <> sessions.conversions
