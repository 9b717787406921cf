-- A session that took a step in turn took every step before it.
select *
from {{ ref('fct_funnel_daily') }}
where
    ordered_sessions_step_0 < ordered_sessions_step_1
    or ordered_sessions_step_1 < ordered_sessions_step_2
    or ordered_sessions_step_2 < ordered_sessions_step_3
    or ordered_sessions_step_3 < ordered_sessions_step_4
