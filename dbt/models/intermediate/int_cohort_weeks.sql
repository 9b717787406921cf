{{ config(
    materialized='incremental',
    pre_hook="{{ delete_stale('stale.active_week in (select active_week from ' ~ ref('int_touched_weeks') ~ ')') }}",
) }}

with

user_weeks as (

    select distinct
        user_days.user_id,
        {{ week_of('user_days.activity_date') }} as active_week
    {% if is_incremental() -%}
    from {{ ref('int_touched_weeks') }} as touched
    {{ looked_up(
        ref('int_user_days'), 'user_days',
        'user_days.activity_date between touched.active_week and touched.active_week + 6'
    ) }}
    {%- else -%}
    from {{ ref('int_user_days') }} as user_days
    {%- endif %}

)

select
    users.cohort_week,
    user_weeks.active_week,
    count(*) as users
from user_weeks
inner join {{ ref('int_users') }} as users on user_weeks.user_id = users.user_id
group by users.cohort_week, user_weeks.active_week
