{{ config(tags=['whole']) }}

-- The running sums of the engagement mart agree with a plain count.
with

counted as (

    select
        activity_date,
        count(*) as users
    from {{ ref('int_user_days') }}
    group by activity_date

)

select
    engagement.activity_date,
    engagement.dau,
    counted.users
from {{ ref('fct_engagement_daily') }} as engagement
full outer join counted on engagement.activity_date = counted.activity_date
where coalesce(engagement.dau, -1) <> coalesce(counted.users, 0)
