{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ delete_stale('stale.user_id = touched.user_id', using=ref('int_touched_chains')) }}",
    ],
    post_hook="{% if not is_incremental() %}analyze {{ this }}{% endif %}",
    indexes=[{'columns': ['user_id'], 'unique': true}],
) }}

{% if is_incremental() -%}
with

users as (

    select distinct user_id
    from {{ ref('int_touched_chains') }}
    where started_at > '-infinity'

)

select
    users.user_id,
    first_event.event_timestamp as first_seen_at,
    last_event.event_timestamp as last_seen_at,
    {{ week_of(reporting_date('first_event.event_timestamp')) }} as cohort_week
from users
cross join lateral (
    select sessionized.event_timestamp
    from {{ ref('int_events_sessionized') }} as sessionized
    where sessionized.user_id = users.user_id
    order by sessionized.event_timestamp
    limit 1
) as first_event
cross join lateral (
    select sessionized.event_timestamp
    from {{ ref('int_events_sessionized') }} as sessionized
    where sessionized.user_id = users.user_id
    order by sessionized.event_timestamp desc
    limit 1
) as last_event
{%- else -%}
select
    user_id,
    min(event_timestamp) as first_seen_at,
    max(event_timestamp) as last_seen_at,
    {{ week_of(reporting_date('min(event_timestamp)')) }} as cohort_week
from {{ ref('int_events_sessionized') }}
where quarantined_by_run is null
group by user_id
{%- endif %}
