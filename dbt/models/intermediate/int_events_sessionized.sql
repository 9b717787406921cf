{%- set columns = [
    'event_id', 'event_type', 'user_id', 'event_timestamp', 'activity_date', 'page', 'category', 'referrer', 'utm_source',
    'utm_medium', 'utm_campaign', 'step',
] -%}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='event_id',
    pre_hook="{{ by_index() }}",
    post_hook="{% if not is_incremental() %}analyze {{ this }}{% endif %}",
    indexes=[{'columns': ['event_id'], 'unique': true}, {'columns': ['user_id', 'event_timestamp']}],
) }}

-- Gap chains first: a silence longer than the gap starts one. Then a chain is cut into pieces of at most 24 hours, counted
-- from its start. A session is one piece.
-- An incremental run takes the new events and, of the events that are known, the chains that come within the gap of a new
-- one, whole. One such widening is enough: chains of one user are farther apart than the gap.
-- A user with absurdly many events on one day, a monitor or a scraper, is put into quarantine: the events are kept without a
-- session, and no later one has all of them sorted again.
with

new_events as (

    select {{ columns | join(', ') }}
    from {{ ref('int_new_events') }}
    where is_counted and is_in_window

),

run as (

    select max(run_number) as run_number from {{ ref('stg_offset_positions') }}

),

new_days as (

    select
        user_id,
        activity_date,
        count(*) as events
    from new_events
    group by user_id, activity_date

),

{% if is_incremental() -%}
users as (

    select
        new_users.user_id,
        state.quarantined_by_run
    from (select distinct user_id from new_days) as new_users
    left join lateral (
        -- Of a user in quarantine all rows say so.
        select known.quarantined_by_run
        from {{ this }} as known
        where known.user_id = new_users.user_id
        order by known.event_timestamp
        limit 1
    ) as state on true

),

busy_days as (

    select
        new_days.user_id,
        new_days.activity_date
    from new_days
    inner join users on new_days.user_id = users.user_id
    cross join lateral (
        select count(*) as events
        from {{ this }} as known
        where
            known.user_id = new_days.user_id
            and known.event_timestamp >= {{ start_of_day('new_days.activity_date') }}
            and known.event_timestamp < {{ start_of_day('(new_days.activity_date + 1)') }}
    ) as known_day
    where
        users.quarantined_by_run is null
        and new_days.events + known_day.events > {{ var('quarantine_events_per_day') }}

),

-- An event that is read again counts once.
days_over_limit as (

    select
        busy_days.user_id,
        busy_days.activity_date
    from busy_days
    cross join lateral (
        select known.event_id
        from {{ this }} as known
        where
            known.user_id = busy_days.user_id
            and known.event_timestamp >= {{ start_of_day('busy_days.activity_date') }}
            and known.event_timestamp < {{ start_of_day('(busy_days.activity_date + 1)') }}
        union
        select new_events.event_id
        from new_events
        where new_events.user_id = busy_days.user_id and new_events.activity_date = busy_days.activity_date
    ) as day_events
    group by busy_days.user_id, busy_days.activity_date
    having count(*) > {{ var('quarantine_events_per_day') }}

),

newly_quarantined as (

    select distinct user_id from days_over_limit

),

quarantined as (

    select
        user_id,
        quarantined_by_run
    from users
    where quarantined_by_run is not null

    union all

    select
        newly_quarantined.user_id,
        run.run_number as quarantined_by_run
    from newly_quarantined
    cross join run

),

touched_chains as (

    select distinct
        known.user_id,
        known.chain_started_at,
        known.chain_ended_at
    from new_events
    {{ looked_up(
        this, 'known', 'known.user_id = new_events.user_id and known.event_timestamp between new_events.event_timestamp - '
        ~ seconds(var('session_gap_seconds')) ~ ' and new_events.event_timestamp + '
        ~ seconds(var('session_gap_seconds'))
    ) }}
    where known.chain_started_at is not null

),

known_events as (

    select
        {% for column in columns -%}
        known.{{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from touched_chains
    {{ looked_up(
        this, 'known', 'known.user_id = touched_chains.user_id and known.event_timestamp '
        ~ 'between touched_chains.chain_started_at and touched_chains.chain_ended_at'
    ) }}
    where known.user_id not in (select newly_quarantined.user_id from newly_quarantined)

    union all

    select
        {% for column in columns -%}
        known.{{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from newly_quarantined
    {{ looked_up(this, 'known', 'known.user_id = newly_quarantined.user_id') }}

),

events as (

    select * from new_events

    union all

    select known_events.*
    from known_events
    left join new_events on known_events.event_id = new_events.event_id
    where new_events.event_id is null

),
{%- else -%}
quarantined as (

    select distinct
        new_days.user_id,
        run.run_number as quarantined_by_run
    from new_days
    cross join run
    where new_days.events > {{ var('quarantine_events_per_day') }}

),

events as (

    select * from new_events

),
{%- endif %}

sessionable as (

    select events.*
    from events
    where events.user_id not in (select quarantined.user_id from quarantined)

),

gaps as (

    select
        *,
        coalesce(
            event_timestamp - lag(event_timestamp) over (partition by user_id order by event_timestamp, event_id)
            > {{ seconds(var('session_gap_seconds')) }},
            true
        ) as starts_chain
    from sessionable

),

chains as (

    select
        *,
        -- Starts only grow along a user's events, so the largest so far is the start of the chain at hand.
        max(event_timestamp) filter (where starts_chain)
            over (partition by user_id order by event_timestamp, event_id) as chain_started_at
    from gaps

),

pieces as (

    select
        *,
        floor(extract(epoch from event_timestamp - chain_started_at) / {{ var('longest_session_seconds') }})
            as chain_piece
    from chains

)

select
    {{ columns | join(',\n    ') }},
    -- A session is named after its first event.
    first_value(event_id) over session_events::text as session_id,
    row_number() over session_events as event_number,
    lead(event_id) over session_events is null as is_last_event,
    chain_started_at,
    max(event_timestamp) over (partition by user_id, chain_started_at) as chain_ended_at,
    null::bigint as quarantined_by_run
from pieces
window session_events as (
    partition by user_id, chain_started_at, chain_piece
    order by event_timestamp, event_id
)

union all

select
    {% for column in columns %}events.{{ column }},
    {% endfor -%}
    null as session_id,
    null as event_number,
    null as is_last_event,
    null as chain_started_at,
    null as chain_ended_at,
    quarantined.quarantined_by_run
from events
inner join quarantined on events.user_id = quarantined.user_id
