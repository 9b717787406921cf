-- A session is over before the user's next one begins, and it lasts less than 24 hours. An incremental run looks at the users
-- whom it has touched.
with

sessions as (

    select
        *,
        lead(started_at) over (partition by user_id order by started_at) as next_started_at
    from {{ ref('fct_sessions') }}
    {%- if not flags.FULL_REFRESH %}
    where user_id in (select touched.user_id from {{ ref('int_touched_chains') }} as touched)
    {%- endif %}

)

select *
from sessions
where
    ended_at >= next_started_at
    or ended_at - started_at >= {{ seconds(var('longest_session_seconds')) }}
