-- A dead letter can be sent again. If its record is refused once more, the new letter names the record that it first was.
alter table raw.dead_letters
    add column kafka_timestamp_trusted boolean,
    add column first_topic_id uuid,
    add column first_partition_id integer,
    add column first_kafka_offset bigint,
    add column first_kafka_timestamp timestamptz,
    add column first_kafka_timestamp_trusted boolean,
    add check (num_nulls(first_topic_id, first_partition_id, first_kafka_offset) in (0, 3)),
    add check ((first_topic_id is null) = (attempt = 1));
comment on column raw.dead_letters.attempt is '1 for a record as it first came, one more for each time that it was sent again and refused.';
comment on column raw.dead_letters.kafka_timestamp_trusted is 'Whether kafka_timestamp is the broker''s clock; null for letters from before this was kept, whose topics Pulse made so.';
comment on column raw.dead_letters.first_topic_id is 'With partition, offset and time: the record that this one was at its first attempt; null if it is that one itself.';
create index dead_letters_first on raw.dead_letters (first_topic_id, first_partition_id, first_kafka_offset)
    where first_topic_id is not null;

-- What people did about dead letters. Rows are only ever added; the last one of a letter says how it stands.
create table raw.dead_letter_moves (
    move_id bigint generated always as identity primary key,
    topic_id uuid not null,
    partition_id integer not null,
    kafka_offset bigint not null,
    action text not null check (action in ('sending', 'replayed', 'not_sent', 'dropped', 'erased')),
    event_id uuid,
    patch jsonb,
    reason text,
    command text not null,
    version text not null,
    database_user text not null default session_user,
    moved_at timestamptz not null default clock_timestamp(),
    check (action not in ('dropped', 'erased') or reason is not null),
    foreign key (topic_id, partition_id, kafka_offset) references raw.dead_letters on delete cascade
);
comment on table raw.dead_letter_moves is 'One row per thing that was done about a dead letter, by `pulse dlq`.';
comment on column raw.dead_letter_moves.action is 'sending: about to be sent again; replayed: Kafka acknowledged it; not_sent: Kafka refused it; dropped; erased: its bytes too.';
comment on column raw.dead_letter_moves.event_id is 'The id of the event that it becomes if it is accepted.';
comment on column raw.dead_letter_moves.patch is '{"merge": a JSON merge patch} or {"replace": the whole new value}.';
create index dead_letter_moves_letter on raw.dead_letter_moves (topic_id, partition_id, kafka_offset, move_id);

-- Who did it and when is the server's word, whatever the statement says.
create function raw.sign_dead_letter_move() returns trigger language plpgsql as $$
begin
    new.database_user := session_user;
    new.moved_at := clock_timestamp();
    return new;
end
$$;
create trigger sign before insert on raw.dead_letter_moves
    for each row execute function raw.sign_dead_letter_move();

create view raw.dead_letter_states as
select
    letters.topic_id,
    letters.partition_id,
    letters.kafka_offset,
    case when last.action is null or last.action = 'not_sent' then 'open' else last.action end as state,
    coalesce(last.moved_at, letters.first_seen) as state_since
from raw.dead_letters as letters
left join lateral (
    select moves.action, moves.moved_at
    from raw.dead_letter_moves as moves
    where moves.topic_id = letters.topic_id
        and moves.partition_id = letters.partition_id
        and moves.kafka_offset = letters.kafka_offset
    order by moves.move_id desc
    limit 1
) as last on true;
comment on view raw.dead_letter_states is 'How each dead letter stands: open, sending (nobody heard whether Kafka took it), replayed, dropped or erased.';
