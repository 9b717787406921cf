-- A longer window cannot hold fewer users than a shorter one of the same day.
select *
from {{ ref('fct_engagement_daily') }}
where dau > wau or wau > mau
