"""What dbt-project-evaluator is told, as far as it can be known without the package: a hosted workflow alone has it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from . import warehouse
from .evaluate import EVALUATOR, EXCEPTIONS, PACKAGE, prepared
from .warehouse import PROJECT

WORKFLOW = yaml.safe_load((warehouse.ROOT / ".github" / "workflows" / "ci.yaml").read_text())


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Models and sources by the names that the evaluator has for them."""
    directory = tmp_path_factory.mktemp("parsed")
    parsed = _dbt("parse", "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), scratch=directory)
    assert parsed.returncode == 0, parsed.stdout
    manifest = json.loads((directory / "target" / "manifest.json").read_text())
    models = {node["name"] for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    return models | {f"{source['source_name']}.{source['name']}" for source in manifest["sources"].values()}


def test_every_exception_names_a_model_or_source_and_says_why(resources: set[str]) -> None:
    with (EVALUATOR / f"{EXCEPTIONS}.csv").open() as file:
        exceptions = list(csv.DictReader(file))
    assert exceptions
    for each in exceptions:
        assert set(each) == {"fct_name", "column_name", "id_to_exclude", "comment"}
        assert each["fct_name"].startswith("fct_")
        assert each["comment"]
        pattern = each["id_to_exclude"].replace("%", "*")
        assert [name for name in resources if fnmatchcase(name, pattern)], f"{pattern} is no model or source"


def test_a_test_that_counts_as_a_primary_key_is_there() -> None:
    settings = yaml.safe_load((EVALUATOR / "settings.yml").read_text())
    named = [name for names in settings["vars"][PACKAGE]["primary_key_test_macros"] for name in names]
    own = [name.removeprefix("pulse.test_") for name in named if not name.startswith("dbt.")]
    assert own
    assert [name for name in own if not (PROJECT / "tests" / "generic" / f"{name}.sql").is_file()] == []


def test_the_copy_that_it_judges_is_the_project_and_lacks_nothing_but_the_package(tmp_path: Path) -> None:
    copy = prepared(tmp_path)
    missing = _dbt("parse", "--project-dir", str(copy), "--profiles-dir", str(copy), scratch=tmp_path)
    assert missing.returncode != 0
    assert "found only 0 package(s) installed" in missing.stdout
    (copy / "packages.yml").unlink()
    parsed = _dbt("parse", "--project-dir", str(copy), "--profiles-dir", str(copy), scratch=tmp_path)
    assert parsed.returncode == 0, parsed.stdout
    assert f"seed.pulse.{EXCEPTIONS}" in json.loads((tmp_path / "target" / "manifest.json").read_text())["nodes"]


def test_the_hosted_workflow_runs_it_with_one_version_of_the_package() -> None:
    commands = [step.get("run") for step in WORKFLOW["jobs"]["dbt-project-evaluator"]["steps"]]
    assert "make evaluate-dbt" in commands
    assert "-m tests.dbt.evaluate" in (warehouse.ROOT / "Makefile").read_text()
    (package,) = yaml.safe_load((EVALUATOR / "packages.yml").read_text())["packages"]
    assert package["package"] == f"dbt-labs/{PACKAGE}"
    assert package["version"].startswith("1."), "version 2 needs dbt 2"


def _dbt(*words: str, scratch: Path) -> subprocess.CompletedProcess[str]:
    places: Sequence[str] = ("--target-path", str(scratch / "target"), "--log-path", str(scratch / "logs"))
    return subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *words, "--no-use-colors", *places],
        env={**os.environ, "PGHOST": "unused", "PGUSER": "unused", "PGDATABASE": "unused"},
        capture_output=True,
        text=True,
        timeout=warehouse.RUN_SECONDS,
        check=False,
    )
