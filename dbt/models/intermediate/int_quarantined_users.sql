{{ config(
    materialized='incremental',
    pre_hook="{{ delete_stale('stale.user_id = touched.user_id', using=ref('int_new_events')) }}",
    indexes=[{'columns': ['user_id'], 'unique': true}],
) }}

with

users as (

    {% if is_incremental() -%}
    select new_users.user_id
    from (select distinct user_id from {{ ref('int_new_events') }}) as new_users
    cross join lateral (
        -- Of a user in quarantine all rows say so.
        select sessionized.quarantined_by_run
        from {{ ref('int_events_sessionized') }} as sessionized
        where sessionized.user_id = new_users.user_id
        order by sessionized.event_timestamp
        limit 1
    ) as state
    where state.quarantined_by_run is not null
    {%- else -%}
    select distinct user_id
    from {{ ref('int_events_sessionized') }}
    where quarantined_by_run is not null
    {%- endif %}

),

days as (

    select
        users.user_id,
        sessionized.activity_date,
        count(*) as events
    from users
    {{ looked_up(ref('int_events_sessionized'), 'sessionized', 'sessionized.user_id = users.user_id') }}
    group by users.user_id, sessionized.activity_date

)

select
    user_id,
    min(activity_date) filter (where events > {{ var('quarantine_events_per_day') }}) as first_date_over_limit,
    count(*) filter (where events > {{ var('quarantine_events_per_day') }}) as days_over_limit,
    max(events) as most_events_in_a_day,
    sum(events)::bigint as events
from days
group by user_id
