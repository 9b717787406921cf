"""Two projects have the same hash only if they build the same marts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pulse_transform.fingerprint import project_hash

MODEL = "models/marts/fct.sql"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("dbt_project.yml", MODEL, "models/marts/fct.yml", "macros/seconds.sql", "tests/adds_up.sql"):
        path = tmp_path / "dbt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"-- {name}\n")
    return tmp_path / "dbt"


def test_it_is_that_of_a_copy_elsewhere(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "opt" / "dbt"
    shutil.copytree(project, copy)
    assert project_hash(copy) == project_hash(project)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a model": lambda project: (project / MODEL).write_text("select 1"),
    "a macro": lambda project: (project / "macros/seconds.sql").write_text("select 1"),
    "the project's settings": lambda project: (project / "dbt_project.yml").write_text("name: other"),
    "a model that comes": lambda project: (project / "models/new.sql").write_text(""),
    "a model that goes": lambda project: (project / MODEL).unlink(),
    "a model's name": lambda project: (project / MODEL).rename(project / "models/marts/fcs.sql"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_changes_with(project: Path, change: Callable[[Path], object]) -> None:
    before = project_hash(project)
    change(project)
    assert project_hash(project) != before


def test_tests_and_what_dbt_leaves_behind_do_not_count(project: Path) -> None:
    before = project_hash(project)
    (project / "tests/adds_up.sql").write_text("select 1")
    (project / "target").mkdir()
    (project / "target" / "manifest.json").write_text("{}")
    assert project_hash(project) == before
