with

events as (

    select * from {{ ref('int_events_counted') }}

)

select
    user_id,
    activity_date,
    count(*) as event_count,
    max(step) as furthest_step
from events
group by user_id, activity_date
