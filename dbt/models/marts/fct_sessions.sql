{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ delete_stale(
            'stale.user_id = touched.user_id and stale.started_at between touched.started_at and touched.ended_at',
            using=ref('int_touched_chains')
        ) }}",
    ],
    post_hook="{% if not is_incremental() %}analyze {{ this }}{% endif %}",
    indexes=[{'columns': ['user_id', 'started_at']}, {'columns': ['session_date']}],
) }}

with

events as (

    select sessionized.*
    {% if is_incremental() -%}
    from {{ ref('int_touched_chains') }} as touched
    {{ looked_up(
        ref('int_events_sessionized'), 'sessionized', 'sessionized.user_id = touched.user_id '
        ~ 'and sessionized.event_timestamp between touched.started_at and touched.ended_at'
    ) }}
    {%- else -%}
    from {{ ref('int_events_sessionized') }} as sessionized
    {%- endif %}
    where sessionized.session_id is not null

),

sessions as (

    select
        session_id,
        user_id,
        min(event_timestamp) as started_at,
        max(event_timestamp) as ended_at,
        count(*) as event_count,
        count(*) filter (where event_type = 'page_view') as page_view_count,
        max(page) filter (where event_number = 1) as landing_page,
        max(page) filter (where is_last_event) as exit_page,
        max(referrer) filter (where event_number = 1) as referrer,
        max(utm_source) filter (where event_number = 1) as utm_source,
        max(utm_medium) filter (where event_number = 1) as utm_medium,
        max(utm_campaign) filter (where event_number = 1) as utm_campaign,
        array_agg(distinct category) filter (where category is not null) as categories,
        max(step) as furthest_step,
        -- The steps in the order of the events read as a word, such as 0013. Step k is reached in order exactly when
        -- 0, 1, ... k stand in that word in this order, with anything between them.
        string_agg(step::text, '' order by event_number) as step_word
    from events
    group by session_id, user_id

)

select
    session_id,
    user_id,
    started_at,
    ended_at,
    extract(epoch from ended_at - started_at)::numeric(12, 6) as duration_seconds,
    {{ reporting_date('started_at') }} as session_date,
    event_count,
    page_view_count,
    landing_page,
    exit_page,
    event_count = 1 as is_bounce,
    furthest_step,
    coalesce(furthest_step = 4, false) as is_converted,
    case
        when step_word like '%0%1%2%3%4%' then 4
        when step_word like '%0%1%2%3%' then 3
        when step_word like '%0%1%2%' then 2
        when step_word like '%0%1%' then 1
        when step_word like '%0%' then 0
        else -1
    end::smallint as ordered_step,
    coalesce(categories, '{}') as categories,
    referrer,
    utm_source,
    utm_medium,
    utm_campaign
from sessions
