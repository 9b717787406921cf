-- What a dashboard may know of the raw tables: counts, and nothing of any single event or user. The views read with the rights
-- of their owner, so whoever reads them needs none on what lies below. All look back 30 minutes.
create view ops.live_minutes as
select
    date_trunc('minute', event_timestamp) as minute,
    event_type,
    count(*) as events,
    count(*) filter (where coalesce(received_at, kafka_timestamp) - event_timestamp > interval '5 minutes') as late_events
from raw.events
where ingested_at > now() - interval '31 minutes'
    and event_timestamp > date_trunc('minute', now()) - interval '29 minutes'
    and event_timestamp <= now()
    and not coalesce(lower(properties -> 'context' ->> 'is_bot') = 'true', false)
group by 1, 2;
comment on view ops.live_minutes is 'One row per minute of the last 30 and type of event that happened in it, events by bots left out.';

create view ops.live_pages as
select
    coalesce(page, '(no page)') as page,
    count(*) as events,
    count(distinct user_id) as users
from raw.events
where ingested_at > now() - interval '31 minutes'
    and event_timestamp > now() - interval '30 minutes'
    and event_timestamp <= now()
    and not coalesce(lower(properties -> 'context' ->> 'is_bot') = 'true', false)
group by 1;
comment on view ops.live_pages is 'One row per page of the last 30 minutes, with its events and the users that they are of.';

create view ops.live_users as
select
    count(distinct user_id) filter (where event_timestamp > now() - interval '5 minutes') as users_5_minutes,
    count(distinct user_id) as users_30_minutes
from raw.events
where ingested_at > now() - interval '31 minutes'
    and event_timestamp > now() - interval '30 minutes'
    and event_timestamp <= now()
    and not coalesce(lower(properties -> 'context' ->> 'is_bot') = 'true', false);
comment on view ops.live_users is 'One row: the users active in the last 5 and in the last 30 minutes.';

-- A summary of 128 pages each: it costs the consumer next to nothing, and spares the view below the whole ledger.
create index batches_committed_at on raw.batches using brin (committed_at);

create view ops.live_batches as
select
    date_trunc('minute', committed_at) as minute,
    sum(read)::bigint as records_read,
    sum(inserted)::bigint as inserted,
    sum(duplicate)::bigint as duplicates,
    sum(conflict)::bigint as conflicts,
    sum(dead)::bigint as dead_letters
from raw.batches
where committed_at > date_trunc('minute', now()) - interval '29 minutes'
group by 1;
comment on view ops.live_batches is 'One row per minute of the last 30 in which the consumer committed, and what became of the records.';

create view ops.live_delays as
select
    date_trunc('minute', ingested_at) as minute,
    extract(epoch from max(ingested_at - kafka_timestamp))::double precision as longest_seconds
from raw.events
where ingested_at > date_trunc('minute', now()) - interval '29 minutes' and kafka_timestamp_trusted
group by 1;
comment on view ops.live_delays is 'One row per minute of the last 30: the longest time that an event stored in it had waited in Kafka.';

create view ops.stored_offsets as
select consumer_group, topic, partition_id, next_offset, updated_at from raw.consumer_offsets;
comment on view ops.stored_offsets is 'One row per consumer group and partition: the next offset to store, and when that last changed.';

create view ops.open_dead_letters as
select
    letters.class,
    count(*) as dead_letters,
    count(*) filter (where letters.first_seen > now() - interval '1 day') as of_the_last_day,
    max(letters.first_seen) as newest
from raw.dead_letters as letters
inner join raw.dead_letter_states as states using (topic_id, partition_id, kafka_offset)
where states.state = 'open'
group by 1;
comment on view ops.open_dead_letters is 'One row per class of dead letters that nobody has sent again or dropped.';
