with

events as (

    select * from {{ source('raw', 'events') }}

),

upper_offsets as (

    select * from {{ ref('stg_upper_offsets') }}

),

in_reach as (

    select events.*
    from events
    inner join upper_offsets
        on
            events.topic_id = upper_offsets.topic_id
            and events.kafka_partition = upper_offsets.partition_id
            and events.kafka_offset < upper_offsets.upper_offset

),

timed as (

    select
        *,
        coalesce(received_at, kafka_timestamp) as arrived_at,
        {{ is_known_event_type('event_type') }} as is_known_type,
        -- Without the broker's own clock, only the word of whoever received the event first can tell a delay.
        kafka_timestamp_trusted or received_at is not null as is_arrival_trusted
    from in_reach

)

select
    event_id,
    event_type,
    user_id,
    anonymous_id,
    session_id as session_hint,
    event_timestamp,
    arrived_at,
    kafka_timestamp,
    kafka_timestamp_trusted as is_kafka_clock_trusted,
    page,
    product_id,
    category,
    price,
    search_query,
    case
        when is_known_type
            then coalesce(funnel_step_index, {{ event_type_step('event_type') }})
    end::smallint as step,
    not is_known_type as is_custom,
    case when is_arrival_trusted then arrived_at - event_timestamp > {{ seconds(var('late_after_seconds')) }} end
        as is_late,
    event_timestamp - arrived_at > {{ seconds(var('future_after_seconds')) }} as is_future,
    coalesce(lower(properties -> 'context' ->> 'is_bot') = 'true', false) as is_bot,
    is_known_type
    and funnel_step_index is not null
    and funnel_step_index is distinct from {{ event_type_step('event_type') }} as is_step_mismatch
from timed
