{{ config(tags=['whole']) }}

-- Who is in quarantine has no session, no active day and no row among the visitors.
with

quarantined as (

    select user_id from {{ ref('fct_quarantined_users') }}

)

select user_id
from quarantined
where
    user_id in (select sessions.user_id from {{ ref('fct_sessions') }} as sessions)
    or user_id in (select user_days.user_id from {{ ref('int_user_days') }} as user_days)
    or user_id in (select visitors.user_id from {{ ref('dim_visitors') }} as visitors)
    or user_id in (select visitors.visitor_id from {{ ref('dim_visitors') }} as visitors)
