{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('stg_events') }}

)

select
    event_id,
    event_type,
    user_id,
    anonymous_id,
    event_timestamp,
    {{ reporting_date('event_timestamp') }} as activity_date,
    page,
    step
from events
where
    not is_future
    {%- if var('exclude_bots') %}
    and not is_bot
    {%- endif %}
    {%- if not var('include_custom_events') %}
    and not is_custom
    {%- endif %}
