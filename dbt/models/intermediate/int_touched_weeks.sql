{{ config(materialized='table') }}

-- A user who was first seen in an earlier week than was known moves to another cohort, with every week of activity. Such an
-- event lies in what is now the user's first week.
with

days as (

    select * from {{ ref('int_touched_days') }}

),

movers as (

    select distinct users.user_id
    from {{ ref('int_touched_chains') }} as touched
    {{ looked_up(ref('int_users'), 'users', 'users.user_id = touched.user_id') }}
    where {{ week_of(reporting_date('touched.started_at')) }} = users.cohort_week

)

select {{ week_of('activity_date') }} as active_week
from days

union

select {{ week_of('user_days.activity_date') }} as active_week
from movers
{{ looked_up(ref('int_user_days'), 'user_days', 'user_days.user_id = movers.user_id') }}
