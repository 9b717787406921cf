-- From the first to the last day, every day has its row.
select
    count(*) as days_found,
    max(activity_date) - min(activity_date) + 1 as days_expected
from {{ ref('fct_engagement_daily') }}
having count(*) <> max(activity_date) - min(activity_date) + 1
