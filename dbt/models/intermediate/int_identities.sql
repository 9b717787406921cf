{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['anonymous_id', 'user_id'],
    pre_hook=[
        "{{ by_index() }}",
        "{{ delete_stale(
            \"stale.user_id = touched.user_id and touched.started_at = '-infinity'\", using=ref('int_touched_chains')
        ) }}",
    ],
    indexes=[{'columns': ['anonymous_id', 'user_id'], 'unique': true}, {'columns': ['user_id']}],
) }}

-- The last event that a user was seen with under an anonymous id. Events are only ever added, so what was the last so far and
-- what is new say all.
with

new_events as (

    select
        new_events.anonymous_id,
        new_events.user_id,
        new_events.event_timestamp,
        new_events.event_id
    from {{ ref('int_new_events') }} as new_events
    where
        new_events.is_counted
        and new_events.is_in_window
        and new_events.anonymous_id is not null
        and not exists (
            select 1
            from {{ ref('int_quarantined_users') }} as quarantined
            where quarantined.user_id = new_events.user_id
        )

),

pairs as (

    select distinct
        anonymous_id,
        user_id
    from new_events

),

events as (

    select * from new_events
    {%- if is_incremental() %}

    union all

    select
        known.anonymous_id,
        known.user_id,
        known.last_event_at,
        known.last_event_id
    from pairs
    {{ looked_up(
        this, 'known', 'known.anonymous_id = pairs.anonymous_id and known.user_id = pairs.user_id'
    ) }}
    {%- endif %}

)

select distinct on (anonymous_id, user_id)
    anonymous_id,
    user_id,
    event_timestamp as last_event_at,
    event_id as last_event_id
from events
order by anonymous_id asc, user_id asc, event_timestamp desc, event_id desc
