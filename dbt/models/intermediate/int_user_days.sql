{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ delete_stale(
            'stale.user_id = touched.user_id and stale.activity_date between '
            ~ reporting_date('touched.started_at') ~ ' and ' ~ reporting_date('touched.ended_at'),
            using=ref('int_touched_chains')
        ) }}",
    ],
    post_hook="{% if not is_incremental() %}analyze {{ this }}{% endif %}",
    indexes=[{'columns': ['user_id', 'activity_date'], 'unique': true}, {'columns': ['activity_date']}],
) }}

with

{% if is_incremental() -%}
touched_days as (

    select distinct
        touched.user_id,
        day.day::date as activity_date
    from {{ ref('int_touched_chains') }} as touched
    cross join lateral generate_series(
        {{ reporting_date('touched.started_at') }}::timestamp,
        {{ reporting_date('touched.ended_at') }}::timestamp,
        interval '1 day'
    ) as day
    where touched.started_at > '-infinity'

),
{%- endif %}

events as (

    select
        sessionized.user_id,
        sessionized.activity_date,
        sessionized.step
    {% if is_incremental() -%}
    from touched_days
    {{ looked_up(
        ref('int_events_sessionized'), 'sessionized', 'sessionized.user_id = touched_days.user_id '
        ~ 'and sessionized.event_timestamp >= ' ~ start_of_day('touched_days.activity_date')
        ~ ' and sessionized.event_timestamp < ' ~ start_of_day('(touched_days.activity_date + 1)')
    ) }}
    {%- else -%}
    from {{ ref('int_events_sessionized') }} as sessionized
    {%- endif %}
    where sessionized.quarantined_by_run is null

)

select
    user_id,
    activity_date,
    count(*) as event_count,
    max(step) as furthest_step
from events
group by user_id, activity_date
