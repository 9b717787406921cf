-- What every run of the transformation did, so that the age and the faults of the marts can be read beside them.
create table ops.dbt_runs (
    run_id uuid primary key,
    status text not null check (status in ('running', 'succeeded', 'failed', 'aborted')),
    started_at timestamptz not null default now(),
    finished_at timestamptz check ((status = 'running') = (finished_at is null)),
    pulse_version text not null,
    dbt_version text,
    vars jsonb not null,
    vars_hash text not null,
    full_refresh boolean not null,
    selection text[] not null default '{}',
    models integer,
    tests integer,
    message text
);
comment on table ops.dbt_runs is 'One row per run of the transformation.';
comment on column ops.dbt_runs.status is 'aborted: stopped from outside, or never heard of again.';
comment on column ops.dbt_runs.vars_hash is 'SHA-256 of vars; another value means that the marts must be built anew.';
comment on column ops.dbt_runs.selection is 'The models that the run was limited to; empty for all.';
comment on column ops.dbt_runs.message is 'What failed, if anything.';
create index dbt_runs_started_at on ops.dbt_runs (started_at);

create table ops.dbt_results (
    run_id uuid not null references ops.dbt_runs (run_id) on delete cascade,
    unique_id text not null,
    kind text not null,
    status text not null,
    seconds double precision not null,
    rows_affected bigint,
    failures bigint,
    message text,
    primary key (run_id, unique_id)
);
comment on table ops.dbt_results is 'One row per model or test of a run.';
comment on column ops.dbt_results.failures is 'Rows that a test found wrong; null for models.';
