{{ config(materialized='table') }}

-- A conversion is credited to the user's first session too, and that one may have become another.
with

users as (

    select distinct user_id from {{ ref('int_touched_chains') }}

)

select activity_date from {{ ref('int_touched_days') }}

union

select sessions.session_date as activity_date
from users
{{ looked_up(ref('fct_sessions'), 'sessions', 'sessions.user_id = users.user_id') }}
where sessions.is_converted
