{{ config(
    materialized='incremental',
    pre_hook="{{ delete_stale('stale.active_week in (select active_week from ' ~ ref('int_touched_weeks') ~ ')') }}",
) }}

with

user_weeks as (

    select distinct
        user_id,
        {{ week_of('activity_date') }} as active_week
    from {{ ref('int_user_days') }}
    {%- if is_incremental() %}
    -- As days, one by one, because the days are what is indexed.
    where activity_date in (
        select touched.active_week + day_number
        from {{ ref('int_touched_weeks') }} as touched
        cross join generate_series(0, 6) as day_number
    )
    {%- endif %}

)

select
    users.cohort_week,
    user_weeks.active_week,
    count(*) as users
from user_weeks
inner join {{ ref('int_users') }} as users on user_weeks.user_id = users.user_id
group by users.cohort_week, user_weeks.active_week
