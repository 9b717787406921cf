{{ config(
    materialized='incremental',
    pre_hook="{{ delete_stale(
        '(stale.topic_id, stale.partition_id, stale.offset_block) in '
        ~ '(select distinct topic_id, partition_id, offset_block from ' ~ ref('int_new_events')
        ~ ' where is_of_whole_block)'
    ) }}",
    indexes=[{'columns': ['topic_id', 'partition_id', 'offset_block', 'arrival_date'], 'unique': true}],
) }}

-- Arrivals have no key to be counted once by, but each stands at one offset: so they are counted by blocks of offsets, and a
-- block that has got another event is counted anew.
with

events as (

    select * from {{ ref('int_new_events') }}

)

select
    topic_id,
    partition_id,
    offset_block,
    arrival_date,
    count(*) as events,
    count(*) filter (where is_late) as late_events,
    count(*) filter (where is_future) as future_events,
    count(*) filter (where is_bot) as bot_events,
    count(*) filter (where is_custom) as custom_events,
    count(*) filter (where is_step_mismatch) as step_mismatches,
    count(*) filter (where not is_kafka_clock_trusted) as untrusted_clock_events,
    max(kafka_timestamp) as newest_kafka_timestamp
from events
{% if not flags.FULL_REFRESH -%}
where is_of_whole_block
{% endif -%}
group by topic_id, partition_id, offset_block, arrival_date
