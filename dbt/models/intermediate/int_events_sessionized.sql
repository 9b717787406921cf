-- Gap chains first: a silence longer than the gap starts one. Then a chain is cut into pieces of at most 24 hours,
-- counted from its start. A session is one piece.
with

events as (

    select * from {{ ref('int_events_counted') }}

),

gaps as (

    select
        *,
        coalesce(
            event_timestamp - lag(event_timestamp) over (partition by user_id order by event_timestamp, event_id)
            > {{ seconds(var('session_gap_seconds')) }},
            true
        ) as starts_chain
    from events

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
    event_id,
    event_type,
    user_id,
    event_timestamp,
    activity_date,
    page,
    step,
    -- A session is named after its first event.
    first_value(event_id) over session_events::text as session_id,
    row_number() over session_events as event_number,
    lead(event_id) over session_events is null as is_last_event
from pieces
window session_events as (
    partition by user_id, chain_started_at, chain_piece
    order by event_timestamp, event_id
)
