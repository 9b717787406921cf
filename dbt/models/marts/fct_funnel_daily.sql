{%- set rates = [
    ('page_to_product', 1, 0),
    ('product_to_cart', 2, 1),
    ('cart_to_checkout', 3, 2),
    ('checkout_to_payment', 4, 3),
    ('overall', 4, 0),
] -%}
{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ delete_touched_days('activity_date') }}",
        "{{ delete_stale(
            'not exists (select from ' ~ ref('int_days') ~ ' as days where days.activity_date = stale.activity_date)'
        ) }}",
    ],
) }}

with

-- In an incremental run those that are missing: what this run has touched was deleted, and days may have come before the first
-- or behind the last.
days as (

    select *
    from {{ ref('int_days') }}
    {%- if is_incremental() %}
    where activity_date not in (select known.activity_date from {{ this }} as known)
    {%- endif %}

),

users as (

    select
        user_days.activity_date
        {%- for step in range(5) %},
        count(*) filter (where user_days.furthest_step >= {{ step }}) as users_step_{{ step }}
        {%- endfor %}
    {% if is_incremental() -%}
    from days
    {{ looked_up(ref('int_user_days'), 'user_days', 'user_days.activity_date = days.activity_date') }}
    {%- else -%}
    from {{ ref('int_user_days') }} as user_days
    {%- endif %}
    group by user_days.activity_date

),

sessions as (

    select
        sessions.session_date
        {%- for step in range(5) %},
        count(*) filter (where sessions.ordered_step >= {{ step }}) as ordered_sessions_step_{{ step }}
        {%- endfor %}
    {% if is_incremental() -%}
    from days
    {{ looked_up(ref('fct_sessions'), 'sessions', 'sessions.session_date = days.activity_date') }}
    {%- else -%}
    from {{ ref('fct_sessions') }} as sessions
    {%- endif %}
    group by sessions.session_date

),

counts as (

    select
        days.activity_date
        {%- for step in range(5) %},
        coalesce(users.users_step_{{ step }}, 0) as users_step_{{ step }},
        coalesce(sessions.ordered_sessions_step_{{ step }}, 0) as ordered_sessions_step_{{ step }}
        {%- endfor %}
    from days
    left join users on days.activity_date = users.activity_date
    left join sessions on days.activity_date = sessions.session_date

)

select
    activity_date,
    {%- for step in range(5) %}
    users_step_{{ step }},
    {%- endfor %}
    {%- for name, part, whole in rates %}
    {{ percent('users_step_' ~ part, 'users_step_' ~ whole) }}::numeric(5, 2) as cvr_{{ name }},
    {%- endfor %}
    {%- for step in range(5) %}
    ordered_sessions_step_{{ step }},
    {%- endfor %}
    {%- for name, part, whole in rates %}
    {{ percent('ordered_sessions_step_' ~ part, 'ordered_sessions_step_' ~ whole) }}::numeric(5, 2)
        as ordered_cvr_{{ name }}{{ "," if not loop.last }}
    {%- endfor %}
from counts
