-- In its own week a cohort is all there, and the cohorts together are all visitors.
with

cohorts as (

    select
        coalesce(sum(users), 0) as users_present,
        coalesce(sum(cohort_users), 0) as users_expected
    from {{ ref('fct_retention_cohorts_weekly') }}
    where week_number = 0

),

visitors as (

    select count(*) as users from {{ ref('dim_visitors') }}

)

select
    cohorts.users_present,
    cohorts.users_expected,
    visitors.users
from cohorts
cross join visitors
where cohorts.users_present <> cohorts.users_expected or cohorts.users_expected <> visitors.users
