-- Every time the stored offset of a partition was set and not merely moved on by a batch. Rows are only ever added.
create table raw.offset_moves (
    move_id bigint generated always as identity primary key,
    moved_at timestamptz not null default now(),
    moved_by text not null default session_user,
    command text not null,
    consumer_group text not null,
    topic text not null,
    topic_id uuid not null,
    partition_id integer not null,
    old_topic_id uuid,
    old_next_offset bigint,
    old_epoch bigint,
    next_offset bigint not null,
    epoch bigint not null,
    reason text,
    check (epoch > coalesce(old_epoch, 0)),
    check ((old_topic_id is null) = (old_next_offset is null) and (old_topic_id is null) = (old_epoch is null))
);
comment on table raw.offset_moves is 'One row per partition and move of its stored offset by a person, or by the consumer that read it first.';
comment on column raw.offset_moves.moved_by is 'The database user that was logged in.';
comment on column raw.offset_moves.command is 'consume: a partition without a stored offset was started at the log''s beginning; else the word behind `pulse offsets`.';
comment on column raw.offset_moves.old_next_offset is 'Where the stored offset was; null if there was none.';
comment on column raw.offset_moves.epoch is 'The epoch that the move took: batches before it have a lower one, batches after it do not.';
comment on column raw.offset_moves.reason is 'What --reason said.';
create index offset_moves_partition on raw.offset_moves (consumer_group, topic_id, partition_id, epoch);
