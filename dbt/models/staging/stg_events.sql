with

events as (

    select * from {{ source('raw', 'events') }}

),

offset_window as (

    select * from {{ ref('stg_offset_window') }}

),

in_reach as (

    select
        events.*,
        events.properties -> 'context' as context,
        offset_window.lower_offset,
        offset_window.read_from
    from offset_window
    inner join events
        on
            offset_window.topic_id = events.topic_id
            and offset_window.partition_id = events.kafka_partition
            and offset_window.upper_offset > events.kafka_offset

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
    topic_id,
    kafka_partition as partition_id,
    kafka_offset,
    lower_offset,
    read_from,
    page,
    product_id,
    category,
    price,
    search_query,
    {{ host_of("context ->> 'referrer'") }} as referrer,
    nullif(context -> 'utm' ->> 'source', '') as utm_source,
    nullif(context -> 'utm' ->> 'medium', '') as utm_medium,
    nullif(context -> 'utm' ->> 'campaign', '') as utm_campaign,
    case
        when is_known_type
            then coalesce(funnel_step_index, {{ event_type_step('event_type') }})
    end::smallint as step,
    not is_known_type as is_custom,
    case when is_arrival_trusted then arrived_at - event_timestamp > {{ seconds(var('late_after_seconds')) }} end
        as is_late,
    event_timestamp - arrived_at > {{ seconds(var('future_after_seconds')) }} as is_future,
    coalesce(lower(context ->> 'is_bot') = 'true', false) as is_bot,
    is_known_type
    and funnel_step_index is not null
    and coalesce(funnel_step_index <> {{ event_type_step('event_type') }}, true) as is_step_mismatch
from timed
