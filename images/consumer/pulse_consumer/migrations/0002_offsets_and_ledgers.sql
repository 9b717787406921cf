-- Where each consumer group stands. This row, not Kafka's own commit, is the truth: it moves in the transaction of the data.
create table raw.consumer_offsets (
    consumer_group text not null,
    topic text not null,
    partition_id integer not null,
    topic_id uuid not null,
    next_offset bigint not null check (next_offset >= 0),
    epoch bigint not null check (epoch > 0),
    updated_at timestamptz not null default now(),
    primary key (consumer_group, topic, partition_id)
);
comment on column raw.consumer_offsets.epoch is 'Raised by every assignment and by every reset; an owner with an older one is fenced.';

-- What became of every record read, one row per partition and transaction.
create table raw.batches (
    batch_id bigint generated always as identity primary key,
    consumer_group text not null,
    topic_id uuid not null,
    partition_id integer not null,
    epoch bigint not null,
    first_offset bigint not null,
    next_offset bigint not null,
    read bigint not null,
    inserted bigint not null,
    duplicate bigint not null,
    conflict bigint not null,
    dead bigint not null,
    skipped bigint not null,
    committed_at timestamptz not null default now(),
    check (next_offset > first_offset),
    check (read = inserted + duplicate + conflict + dead),
    check (next_offset - first_offset = read + skipped)
);
comment on column raw.batches.skipped is 'Offsets of the range that the log itself does not hold: control records, compaction, retention.';
create index batches_range on raw.batches (consumer_group, topic_id, partition_id, first_offset);

-- Records that can never become an event, with every byte they had.
create table raw.dead_letters (
    topic_id uuid not null,
    partition_id integer not null,
    kafka_offset bigint not null,
    topic text not null,
    kafka_timestamp timestamptz,
    key bytea,
    value bytea,
    headers jsonb not null default '[]',
    class text not null,
    reason text not null,
    field text,
    sqlstate text,
    attempt integer not null default 1,
    consumer_group text not null,
    version text not null,
    first_seen timestamptz not null default now(),
    primary key (topic_id, partition_id, kafka_offset)
);
comment on column raw.dead_letters.headers is 'The record''s headers in order, as [name, base64 of the value or null].';
create index dead_letters_class on raw.dead_letters (class, first_seen);

-- Events whose id was already taken by another content. The first row stays in raw.events, the others are here.
create table raw.event_conflicts (
    topic_id uuid not null,
    partition_id integer not null,
    kafka_offset bigint not null,
    event_id uuid not null,
    fingerprint bytea not null,
    event jsonb not null,
    seen_at timestamptz not null default now(),
    primary key (topic_id, partition_id, kafka_offset)
);
create index event_conflicts_event_id on raw.event_conflicts (event_id);
