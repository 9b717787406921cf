-- A visitor who signs in goes on under another user_id; the anonymous id that both share says so. Of several users
-- seen with one anonymous id the last one wins. One hop only: nobody becomes somebody else by way of a third.
with

events as (

    select * from {{ ref('int_events_counted') }}

),

identities as (

    select
        user_id,
        min(event_timestamp) as first_seen_at,
        max(event_timestamp) as last_seen_at,
        count(distinct anonymous_id) as anonymous_ids
    from events
    group by user_id

),

signed_in as (

    select distinct on (anonymous_id)
        anonymous_id,
        user_id
    from events
    where anonymous_id <> user_id
    order by anonymous_id, event_timestamp desc, event_id desc

)

select
    identities.user_id,
    coalesce(signed_in.user_id, identities.user_id) as visitor_id,
    signed_in.user_id is not null as is_stitched,
    identities.anonymous_ids,
    identities.first_seen_at,
    identities.last_seen_at
from identities
left join signed_in on identities.user_id = signed_in.anonymous_id
