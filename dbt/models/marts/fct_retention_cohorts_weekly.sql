with

user_weeks as (

    select distinct
        user_id,
        date_trunc('week', activity_date::timestamp)::date as active_week
    from {{ ref('int_user_days') }}

),

cohorts as (

    select
        user_id,
        min(active_week) as cohort_week
    from user_weeks
    group by user_id

),

cohort_sizes as (

    select
        cohort_week,
        count(*) as cohort_users
    from cohorts
    group by cohort_week

),

returns as (

    select
        cohorts.cohort_week,
        (user_weeks.active_week - cohorts.cohort_week) / 7 as week_number,
        count(*) as users
    from user_weeks
    inner join cohorts on user_weeks.user_id = cohorts.user_id
    group by 1, 2

),

last_week as (

    select max(active_week) as active_week from user_weeks

),

-- Each cohort has a row for every week since, those in which nobody came back included.
cohort_weeks as (

    select
        cohort_sizes.cohort_week,
        cohort_sizes.cohort_users,
        week_number
    from cohort_sizes
    cross join last_week
    cross join lateral
        generate_series(0, (last_week.active_week - cohort_sizes.cohort_week) / 7) as week_number

)

select
    cohort_weeks.cohort_week,
    cohort_weeks.week_number,
    cohort_weeks.cohort_users,
    coalesce(returns.users, 0) as users,
    {{ percent('coalesce(returns.users, 0)', 'cohort_weeks.cohort_users') }}::numeric(5, 2) as share
from cohort_weeks
left join returns
    on cohort_weeks.cohort_week = returns.cohort_week
    and cohort_weeks.week_number = returns.week_number
