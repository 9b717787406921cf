-- What arrived, once per event. The columns follow the event contract, then where and when the record was read.
create table raw.events (
    event_id uuid not null,
    event_type text not null,
    user_id text not null,
    event_timestamp timestamptz not null,
    page text,
    product_id text,
    category text,
    price numeric(12, 2),
    search_query text,
    funnel_step_index smallint,
    funnel_complete boolean,
    session_id text,
    anonymous_id text,
    properties jsonb,
    fingerprint bytea not null,
    received_at timestamptz,
    kafka_timestamp timestamptz not null,
    kafka_timestamp_trusted boolean not null,
    topic_id uuid not null,
    kafka_partition integer not null,
    kafka_offset bigint not null,
    ingested_at timestamptz not null default now(),
    primary key (event_id)
) partition by range (event_id);

comment on table raw.events is 'One row per event as received; the first row of an event_id stays.';
comment on column raw.events.fingerprint is 'Hash of the canonical client payload; tells a repeat from a conflict.';
comment on column raw.events.received_at is 'When Pulse first had the event, if the collector, an import or a history said so; else null.';
comment on column raw.events.kafka_timestamp is 'The broker''s clock if kafka_timestamp_trusted, else the producer''s.';

-- Ids whose leading milliseconds belong to no time partition (UUIDv4, say) land here.
create table raw.events_default partition of raw.events default;

create index events_user_time on raw.events (user_id, event_timestamp);
create index events_coordinates on raw.events (topic_id, kafka_partition, kafka_offset);
create index events_ingested_at on raw.events using brin (ingested_at);
