"""The dbt project as it is before any event comes, and what it promises about itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulse.events import KNOWN_TYPES
from pulse_transform.variables import project_vars

from . import warehouse
from .events import STEP_TYPES
from .warehouse import PROJECT, Ran

MODELS = sorted(PROJECT.glob("models/*/*.sql"))
MARTS = [path.stem for path in MODELS if path.parent.name == "marts"]
PAGE = warehouse.ROOT / "docs" / "marts.md"


@pytest.fixture(scope="module")
def first_run(module_dsn: str) -> Ran:
    """A run on a database that has just been migrated."""
    return warehouse.run(warehouse.settings(module_dsn))


@pytest.mark.integration
def test_without_events_the_run_succeeds_and_every_mart_is_there_and_empty(module_dsn: str, first_run: Ran) -> None:
    assert first_run.code == 0, first_run.log
    assert {name: warehouse.mart(module_dsn, name) for name in MARTS} == {name: [] for name in MARTS}


@pytest.mark.integration
def test_a_run_is_recorded_with_each_of_its_models_and_tests(module_dsn: str, first_run: Ran) -> None:
    (run,) = warehouse.query(module_dsn, "select * from ops.dbt_runs")
    assert run["status"] == "succeeded"
    assert run["finished_at"] > run["started_at"]
    assert run["vars"]["session_gap_seconds"] == 1800
    kinds = "select kind, count(*)::int from ops.dbt_results where status in ('success', 'pass') group by kind"
    counts = {row["kind"]: row["count"] for row in warehouse.query(module_dsn, kinds)}
    assert counts == {"model": len(MODELS), "test": run["tests"]}
    assert run["models"] == len(MODELS)


@pytest.mark.integration
def test_the_units_of_the_sql_keep_their_promises(module_dsn: str, first_run: Ran, tmp_path: Path) -> None:
    settings = warehouse.settings(module_dsn)
    ran = subprocess.run(
        [
            *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "test", "--select", "test_type:unit"),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--no-use-colors"),
            *("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")),
        ],
        env=warehouse.libpq(settings),
        capture_output=True,
        text=True,
        timeout=warehouse.RUN_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert f"PASS={len(list(_unit_tests()))} " in ran.stdout


@pytest.mark.integration
def test_the_reader_sees_the_marts_and_nothing_below_them(module_dsn: str, first_run: Ran) -> None:
    may = "select table_schema as schema, table_name as name, has_table_privilege('pulse_reader', "
    may += "format('%%I.%%I', table_schema, table_name), 'select') as may from information_schema.tables "
    may += "where table_schema in ('raw', 'staging', 'intermediate', 'marts') and %s"
    allowed = {(row["schema"], row["name"]): row["may"] for row in warehouse.query(module_dsn, may, True)}
    assert {name for (_, name), is_allowed in allowed.items() if is_allowed} == set(MARTS)


@pytest.mark.integration
def test_every_column_is_described_in_its_order(module_dsn: str, first_run: Ran) -> None:
    columns = "select column_name from information_schema.columns where table_name = %s order by ordinal_position"
    for path in MODELS:
        found = [row["column_name"] for row in warehouse.query(module_dsn, columns, path.stem)]
        assert found == [column["name"] for column in _model(path)["columns"]], path.stem


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_says_what_one_row_is_and_what_every_column_means(path: Path) -> None:
    model = _model(path)
    assert model["name"] == path.stem
    assert model["description"].startswith("One row per ")
    assert [column["name"] for column in model["columns"] if not column.get("description")] == []


def test_the_project_keeps_its_rules(tmp_path: Path) -> None:
    """Those of dbt/dbt-bouncer.yml: who reads whom, that everything is described, keyed and tested."""
    parsed = subprocess.run(
        [
            *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse"),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--no-use-colors"),
            *("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")),
        ],
        env={**os.environ, "PGHOST": "unused", "PGUSER": "unused", "PGDATABASE": "unused"},
        capture_output=True,
        text=True,
        timeout=warehouse.RUN_SECONDS,
        check=False,
    )
    assert parsed.returncode == 0, parsed.stdout
    shutil.copy(PROJECT / "dbt-bouncer.yml", tmp_path)
    judged = subprocess.run(
        [Path(sys.executable).with_name("dbt-bouncer"), "run", "--config-file", "dbt-bouncer.yml"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=warehouse.RUN_SECONDS,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "All checks passed" in judged.stdout + judged.stderr


def test_the_freshness_of_the_events_is_that_of_kafkas_clock() -> None:
    (raw,) = (source for source in _yaml(PROJECT / "models/staging/_sources.yml")["sources"] if source["name"] == "raw")
    (events,) = (table for table in raw["tables"] if table["name"] == "events")
    assert events["loaded_at_field"] == "kafka_timestamp"
    assert set(events["config"]["freshness"]) >= {"warn_after", "error_after"}


def test_the_project_knows_the_event_types_of_the_contract_and_the_settings() -> None:
    known = _yaml(PROJECT / "dbt_project.yml")["vars"]
    assert set(known["event_types"]) == KNOWN_TYPES
    assert known["funnel"] == list(STEP_TYPES)
    defaults = project_vars(warehouse.settings("dbname=unused"))
    assert {name: known[name] for name in defaults} == defaults


@pytest.mark.parametrize("name", MARTS)
def test_the_page_of_the_marts_names_every_mart_and_its_columns(name: str) -> None:
    _, _, after = PAGE.read_text().partition(f"\n## {name}\n")
    section = after.partition("\n## ")[0]
    assert section, f"docs/marts.md has no section {name}"
    columns = [column["name"] for column in _model(PROJECT / "models" / "marts" / f"{name}.sql")["columns"]]
    assert [column for column in columns if f"`{column}`" not in section] == []


def _model(path: Path) -> dict[str, Any]:
    (model,) = _yaml(path.with_suffix(".yml"))["models"]
    return dict(model)


def _unit_tests() -> Iterator[dict[str, Any]]:
    for path in MODELS:
        yield from _yaml(path.with_suffix(".yml")).get("unit_tests", [])


def _yaml(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))
