{%- set is_rerun = var('rerun_from') or var('rerun_to') -%}
{{ config(
    materialized='table',
    unlogged=true,
    pre_hook=["" if is_rerun else "{{ by_index() }}"],
    post_hook="analyze {{ this }}",
) }}

-- The only model that reads the raw events. What it finds is new, or was read by a run that failed, or is read again on
-- demand; whoever builds on it replaces what it had of these events, so it may find them as often as it likes.
with

events as (

    select * from {{ ref('stg_events') }}

),

placed as (

    select
        *,
        kafka_offset >= read_from as is_of_whole_block,
        {% if is_rerun -%}
        event_timestamp >= '{{ var("rerun_from") or "-infinity" }}'::timestamptz
        and event_timestamp < '{{ var("rerun_to") or "infinity" }}'::timestamptz as is_read_again
        {%- else -%}
        false as is_read_again
        {%- endif %}
    from events

)

select
    event_id,
    event_type,
    user_id,
    anonymous_id,
    event_timestamp,
    {{ reporting_date('event_timestamp') }} as activity_date,
    {{ reporting_date('arrived_at') }} as arrival_date,
    kafka_timestamp,
    is_kafka_clock_trusted,
    topic_id,
    partition_id,
    kafka_offset / {{ var('offset_block') }} as offset_block,
    is_of_whole_block,
    {% if flags.FULL_REFRESH -%}
    true as is_in_window,
    {%- else -%}
    kafka_offset >= lower_offset or is_read_again as is_in_window,
    {%- endif %}
    page,
    category,
    referrer,
    utm_source,
    utm_medium,
    utm_campaign,
    step,
    is_custom,
    is_late,
    is_future,
    is_bot,
    is_step_mismatch,
    {{ is_counted() }} as is_counted
from placed
{% if not flags.FULL_REFRESH -%}
where
    kafka_offset >= read_from
    {%- if is_rerun %}
    or is_read_again
    {%- endif %}
{%- endif %}
