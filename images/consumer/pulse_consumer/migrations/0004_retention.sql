-- From when on raw.events is whole. Written by `pulse maintain`; no row means that nothing was ever removed.
create table ops.retention (
    singleton boolean primary key default true check (singleton),
    kept_from timestamptz not null,
    updated_at timestamptz not null default now()
);
comment on table ops.retention is 'One row once events were removed: of those that were stored before kept_from, any may be gone.';
comment on column ops.retention.kept_from is 'Never moves back, also when the retention is made longer: what is gone stays gone.';

-- How far the transformation has come. What lies behind it waits, whatever its age.
create table ops.dbt_offsets (
    topic_id uuid not null,
    partition_id integer not null,
    next_offset bigint not null,
    updated_at timestamptz not null default now(),
    primary key (topic_id, partition_id)
);
comment on table ops.dbt_offsets is 'Up to where the last successful run of all models had read, at least; events from next_offset on are not removed.';

-- Rows are added, and rarely anything else. The server's rule, a fifth of the table, would leave new rows unanalysed, and
-- pages unmarked for index-only scans, for longer the bigger the table is; a fixed number of inserts does not.
alter table raw.batches set (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table raw.dead_letters set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Ids of no week gather in one table for as long as events are kept, and expire row by row.
alter table raw.events_default set (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
