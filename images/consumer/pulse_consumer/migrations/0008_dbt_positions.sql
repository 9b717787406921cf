-- Where each consumer group stood when the last whole and successful run of the transformation began. What it stored since,
-- or stores again after its offset was moved back, is what the next run reads.
create table ops.dbt_positions (
    consumer_group text not null,
    topic_id uuid not null,
    partition_id integer not null,
    next_offset bigint not null,
    epoch bigint not null,
    run_number bigint not null,
    updated_at timestamptz not null default now(),
    primary key (consumer_group, topic_id, partition_id)
);
comment on table ops.dbt_positions is 'One row per consumer group and partition of a topic, as of the start of the last run of all models that succeeded.';
comment on column ops.dbt_positions.run_number is 'Whole and successful runs so far, at least; the next run has the number after the largest.';

alter table ops.dbt_runs add column project_hash text;
comment on column ops.dbt_runs.project_hash is 'SHA-256 of the models; another value means that the marts must be built anew.';
