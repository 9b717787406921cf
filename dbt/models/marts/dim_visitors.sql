{{ config(
    materialized='incremental',
    pre_hook=[
        "{{ delete_stale('stale.user_id = touched.user_id', using=ref('int_new_events')) }}",
        "{{ delete_stale('stale.user_id = touched.anonymous_id', using=ref('int_new_events')) }}",
        "{{ delete_stale(
            \"stale.visitor_id = touched.user_id and touched.started_at = '-infinity'\", using=ref('int_touched_chains')
        ) }}",
    ],
    indexes=[{'columns': ['user_id'], 'unique': true}],
) }}

-- A visitor who signs in goes on under another user_id; the anonymous id that both share says so. Of several users
-- seen with one anonymous id the last one wins. One hop only: nobody becomes somebody else by way of a third.
-- An incremental run fills in who is missing: those whom it has deleted, and those who are new.
with

users as (

    select * from {{ ref('int_users') }} as users
    {%- if is_incremental() %}
    where not exists (
        select 1
        from {{ this }} as known
        where known.user_id = users.user_id
    )
    {%- endif %}

)

select
    users.user_id,
    coalesce(signed_in.user_id, users.user_id) as visitor_id,
    signed_in.user_id is not null as is_stitched,
    seen_with.anonymous_ids,
    users.first_seen_at,
    users.last_seen_at
from users
left join lateral (
    select identities.user_id
    from {{ ref('int_identities') }} as identities
    where identities.anonymous_id = users.user_id and identities.user_id <> users.user_id
    order by identities.last_event_at desc, identities.last_event_id desc
    limit 1
) as signed_in on true
cross join lateral (
    select count(*) as anonymous_ids
    from {{ ref('int_identities') }} as identities
    where identities.user_id = users.user_id
) as seen_with
