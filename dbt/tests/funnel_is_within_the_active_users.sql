-- Both marts have the same days, and nobody is in a day's funnel without being active that day.
select activity_date
from {{ ref('fct_funnel_daily') }} as funnel
full outer join {{ ref('fct_engagement_daily') }} as engagement using (activity_date)
where coalesce(funnel.users_step_0 > engagement.dau, true)
