-- Whoever reached a step is counted at every step before it.
select *
from {{ ref('fct_funnel_daily') }}
where
    users_step_0 < users_step_1
    or users_step_1 < users_step_2
    or users_step_2 < users_step_3
    or users_step_3 < users_step_4
