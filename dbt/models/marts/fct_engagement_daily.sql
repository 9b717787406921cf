-- Exact rolling actives in one pass. A user active on day d and next on day n belongs to the window of w days on each
-- of the days d ... min(n, d + w) - 1: one more from d on, one less from min(n, d + w) on. The running sum of these
-- changes over all days is the number of users in the window.
-- An active day changes no day before it, so an incremental run begins with the first day that is touched, and reads as far
-- before it as the longest window reaches. Whoever was active earlier has left every window by then.
{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ by_index() }}",
        "{{ delete_stale(
            'stale.activity_date >= (select min(activity_date) from ' ~ ref('int_touched_days') ~ ')'
        ) }}",
        "{{ delete_stale(
            'not exists (select from ' ~ ref('int_days') ~ ' as days where days.activity_date = stale.activity_date)'
        ) }}",
    ],
) }}

with

all_days as (

    select * from {{ ref('int_days') }}

),

missing_days as (

    select *
    from all_days
    {%- if is_incremental() %}
    where activity_date not in (select known.activity_date from {{ this }} as known)
    {%- endif %}

),

first_missing as (

    select min(activity_date) as activity_date from missing_days

),

days as (

    select all_days.*
    from all_days
    cross join first_missing
    where all_days.activity_date > first_missing.activity_date - 30

),

active_days as (

    select
        user_days.activity_date,
        lead(user_days.activity_date) over (
            partition by user_days.user_id order by user_days.activity_date
        ) as next_activity_date
    from {{ ref('int_user_days') }} as user_days
    where user_days.activity_date > (select first_missing.activity_date - 30 from first_missing)

),

-- Users alike in both days count as one from here on: a million active days are a few thousand rows.
actives as (

    select
        activity_date,
        -- Beyond the longest window it does not matter when they came back; least() leaves out those who never did.
        least(next_activity_date - activity_date, 30) as days_until_next,
        count(*) as users
    from active_days
    group by 1, 2

),

windows as (

    select *
    from (values ('dau', 1), ('wau', 7), ('mau', 30)) as windows (measure, length)

),

changes as (

    select
        windows.measure,
        actives.activity_date as changed_on,
        actives.users as change
    from actives
    cross join windows

    union all

    select
        windows.measure,
        actives.activity_date + least(actives.days_until_next, windows.length) as changed_on,
        -actives.users as change
    from actives
    cross join windows

),

changes_by_day as (

    select
        changed_on,
        coalesce(sum(change) filter (where measure = 'dau'), 0) as dau_change,
        coalesce(sum(change) filter (where measure = 'wau'), 0) as wau_change,
        coalesce(sum(change) filter (where measure = 'mau'), 0) as mau_change
    from changes
    group by changed_on

),

running as (

    select
        days.activity_date,
        days.day_number,
        coalesce(sum(changes_by_day.dau_change) over through_the_day, 0)::bigint as dau,
        coalesce(sum(changes_by_day.wau_change) over through_the_day, 0)::bigint as wau,
        coalesce(sum(changes_by_day.mau_change) over through_the_day, 0)::bigint as mau
    from days
    left join changes_by_day on days.activity_date = changes_by_day.changed_on
    window through_the_day as (order by days.activity_date)

)

select
    activity_date,
    dau,
    wau,
    mau,
    {{ percent('dau', 'mau') }}::numeric(5, 2) as stickiness,
    day_number >= 29 as is_full_window
from running
where activity_date in (select missing_days.activity_date from missing_days)
