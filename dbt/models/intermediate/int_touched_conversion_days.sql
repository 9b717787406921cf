{{ config(materialized='table') }}

-- A conversion is credited to the user's first session too. Where a touched chain is the user's first, that session may have
-- become another, and with it what all conversions since are credited to.
with

users as (

    select distinct users.user_id
    from {{ ref('int_touched_chains') }} as touched
    {{ looked_up(
        ref('int_users'), 'users', 'users.user_id = touched.user_id '
        ~ 'and users.first_seen_at between touched.started_at and touched.ended_at'
    ) }}

)

select activity_date from {{ ref('int_touched_days') }}

union

select sessions.session_date as activity_date
from users
{{ looked_up(ref('fct_sessions'), 'sessions', 'sessions.user_id = users.user_id') }}
where sessions.is_converted
