with

cohort_weeks as (

    select * from {{ ref('int_cohort_weeks') }}

),

cohorts as (

    select
        cohort_week,
        users as cohort_users
    from cohort_weeks
    where active_week = cohort_week

),

last_week as (

    select max(active_week) as active_week from cohort_weeks

),

-- Each cohort has a row for every week since, those in which nobody came back included.
weeks as (

    select
        cohorts.cohort_week,
        cohorts.cohort_users,
        week_number
    from cohorts
    cross join last_week
    cross join lateral generate_series(0, (last_week.active_week - cohorts.cohort_week) / 7) as week_number

)

select
    weeks.cohort_week,
    weeks.week_number,
    weeks.cohort_users,
    coalesce(cohort_weeks.users, 0) as users,
    {{ percent('coalesce(cohort_weeks.users, 0)', 'weeks.cohort_users') }}::numeric(5, 2) as share
from weeks
left join cohort_weeks
    on
        weeks.cohort_week = cohort_weeks.cohort_week
        and cohort_weeks.active_week = weeks.cohort_week + 7 * weeks.week_number
