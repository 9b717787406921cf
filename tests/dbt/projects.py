"""Copies of the dbt project that differ from it in one place."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from kit.breaking import Edit, broken

from . import warehouse


def copied(directory: Path, edits: Iterable[Edit] = ()) -> Path:
    """A copy of the project in the directory with the edits made; their files are relative to the project."""
    project = directory / "dbt"
    shutil.copytree(warehouse.PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"), dirs_exist_ok=True)
    for edit in edits:
        edited(project, edit)
    return project


def edited(directory: Path, edit: Edit) -> None:
    """Makes the edit; its file is relative to the directory."""
    path = directory / edit.file
    path.write_text(broken(path.read_text(), edit))


def with_limit(directory: Path, most_a_day: int) -> Path:
    """A copy in which users with more events on a day are quarantined: no setting of a run changes that."""
    name, file = "quarantine_events_per_day: ", "dbt_project.yml"
    (line,) = (line for line in (warehouse.PROJECT / file).read_text().splitlines() if line.strip().startswith(name))
    return copied(directory, [Edit(file, line, f"  {name}{most_a_day}")])
