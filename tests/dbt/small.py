"""A dbt project of a few lines, for what the runner promises whatever the models are."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import warehouse

# What every project has to have: from where on the next run reads.
POSITIONS = """
{{ config(materialized='table', schema='staging') }}
select consumer_group, topic_id, partition_id, next_offset, epoch, 1 as run_number from raw.consumer_offsets
"""
ONE = "{{ config(schema='marts') }} select 1 as one"
SLOW = "{{ config(materialized='table', schema='marts') }} select pg_sleep(300)::text as slept"
BROKEN = "{{ config(materialized='table', schema='marts') }} select 1 / 0 as fails"


def project(directory: Path, *, tests: dict[str, str] | None = None, **models: str) -> Path:
    """A project of these models and tests, by their names, in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "dbt_project.yml").write_text("{name: small, version: '1.0.0', config-version: 2, profile: pulse}\n")
    shutil.copy(warehouse.PROJECT / "profiles.yml", directory)
    (directory / "macros").mkdir()
    shutil.copy(warehouse.PROJECT / "macros" / "generate_schema_name.sql", directory / "macros")
    for name, sql in {"stg_offset_positions": POSITIONS, **models}.items():
        write(directory, name, sql)
    for name, sql in (tests or {}).items():
        write_test(directory, name, sql)
    return directory


def write(project: Path, name: str, sql: str) -> None:
    """Makes or changes a model."""
    (project / "models").mkdir(exist_ok=True)
    (project / "models" / f"{name}.sql").write_text(sql)


def write_test(project: Path, name: str, sql: str) -> None:
    """Makes or changes a test. To the runner, the project stays the same."""
    (project / "tests").mkdir(exist_ok=True)
    (project / "tests" / f"{name}.sql").write_text(sql)


def with_source(project: Path, loaded_at_field: str) -> None:
    """Has the project look how fresh raw.events is, by this column."""
    (project / "models" / "sources.yml").write_text(
        f"""
sources:
  - name: raw
    schema: raw
    tables:
      - name: events
        loaded_at_field: {loaded_at_field}
        config:
          freshness:
            warn_after: {{count: 15, period: minute}}
            error_after: {{count: 60, period: minute}}
"""
    )


def sleeps(dsn: str) -> bool:
    """Whether dbt is in the middle of SLOW, or of a test like it."""
    waiting = "select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    return bool(warehouse.query(dsn, waiting))
