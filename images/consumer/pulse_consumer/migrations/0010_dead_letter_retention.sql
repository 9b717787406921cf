-- From when on dead letters and conflicts are whole. Written by `pulse maintain`; no row means that none was ever removed.
create table ops.dead_letter_retention (
    singleton boolean primary key default true check (singleton),
    kept_from timestamptz not null,
    updated_at timestamptz not null default now()
);
comment on table ops.dead_letter_retention is 'One row once dead letters or conflicts were removed: of those that were first seen before kept_from, any may be gone.';
comment on column ops.dead_letter_retention.kept_from is 'Never moves back, also when the retention is made longer: what is gone stays gone.';
