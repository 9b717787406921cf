{{ config(materialized='view') }}

with

span as (

    select
        min(activity_date) as first_date,
        max(activity_date) as last_date
    from {{ ref('int_user_days') }}

)

select
    span.first_date + day_number as activity_date,
    day_number
from span
cross join lateral generate_series(0, span.last_date - span.first_date) as day_number
