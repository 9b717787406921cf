-- A session's steps in the order of its events read as a word, such as 0013. Step k is reached in order exactly when
-- 0, 1, ... k stand in that word in this order, with anything between them.
with

steps as (

    select
        session_id,
        max(step) as furthest_step,
        string_agg(step::text, '' order by event_number) as step_word
    from {{ ref('int_events_sessionized') }}
    group by session_id

)

select
    session_id,
    furthest_step,
    case
        when step_word like '%0%1%2%3%4%' then 4
        when step_word like '%0%1%2%3%' then 3
        when step_word like '%0%1%2%' then 2
        when step_word like '%0%1%' then 1
        when step_word like '%0%' then 0
        else -1
    end::smallint as ordered_step
from steps
