select
    user_id,
    first_date_over_limit,
    days_over_limit,
    most_events_in_a_day,
    events
from {{ ref('int_quarantined_users') }}
