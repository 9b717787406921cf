{{ config(
    materialized='table',
    post_hook="analyze {{ this }}",
    indexes=[{'columns': ['user_id', 'started_at']}],
) }}

-- What depends on sessions is deleted and made anew within these spans, and nowhere else. Chains as they are now will do: one
-- that was there before lies within the one that its events are in now, because events are only ever added.
-- A full refresh makes everything anew, so it needs no list.
with

new_events as (

    select event_id
    from {{ ref('int_new_events') }}
    where is_counted and is_in_window

),

run as (

    select max(run_number) as run_number from {{ ref('stg_offset_positions') }}

),

events as (

    select
        sessionized.user_id,
        sessionized.chain_started_at,
        sessionized.chain_ended_at,
        sessionized.quarantined_by_run
    from new_events
    {{ looked_up(
        ref('int_events_sessionized'), 'sessionized', 'sessionized.event_id = new_events.event_id'
    ) }}
    {%- if flags.FULL_REFRESH %}
    where false
    {%- endif %}

)

select distinct
    events.user_id,
    coalesce(events.chain_started_at, '-infinity') as started_at,
    coalesce(events.chain_ended_at, 'infinity') as ended_at
from events
cross join run
-- Once a user is in quarantine, more of the same changes nothing.
where coalesce(events.quarantined_by_run = run.run_number, true)
