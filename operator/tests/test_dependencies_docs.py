"""The page on conditions, the words in the code and the cases that prove them stay in step."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from kit.crds import Case

from pulse_operator.dependencies import Reason

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"
SUBJECTS = ("kafka", "topics", "users", "cluster", "databases")
CONDITIONS = [
    "KafkaReady",
    "TopicsReady",
    "CredentialsReady",
    "DatabaseReady",
    "SchemaMigrated",
    "ConsumerAvailable",
    "LagKnown",
    "ScalingLimited",
    "TransformFresh",
    "DashboardReady",
    "Ready",
]
BUILT = CONDITIONS[:4]


@dataclass(frozen=True)
class Row:
    """One row of the page: a reason, the statuses it comes with, and the cases that show it."""

    reason: str
    statuses: frozenset[str]
    cases: tuple[tuple[str, str], ...]


def rows() -> Iterator[Row]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            reason, status, set_when, cleared_when, shown_by = (cell.strip() for cell in line.strip("|").split(" | "))
            assert set_when, line
            assert cleared_when, line
            cases = re.findall(r"`([a-z]+): ([^`]+)`", shown_by)
            yield Row(reason.strip("` "), frozenset(status.split(", ")), tuple(cases))


def module(subject: str) -> ModuleType:
    path = Path(__file__).with_name(f"test_dependencies_{subject}.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@cache
def proved() -> dict[tuple[str, str], Case]:
    """Every case, by subject and name."""
    found = [(subject, case) for subject in SUBJECTS for case in module(subject).CASES]
    named = {(subject, case.name): case for subject, case in found}
    assert len(named) == len(found), "two cases of one name"
    return named


def test_every_reason_is_shown_by_a_case() -> None:
    assert {case.reason for case in proved().values()} == {reason.value for reason in Reason}


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row.reason)
def test_a_row_names_cases_that_show_its_reason_and_all_its_statuses(row: Row) -> None:
    shown = [proved()[name] for name in row.cases]
    assert {case.reason for case in shown} == {row.reason}
    assert {case.status for case in shown} == row.statuses


def test_everything_that_a_case_shows_of_a_subject_stands_on_the_page() -> None:
    due = {(subject, case.reason, case.status) for (subject, _), case in proved().items()}
    there = {(subject, row.reason, proved()[subject, name].status) for row in rows() for subject, name in row.cases}
    assert sorted(due - there) == []


def test_every_condition_has_its_part_of_the_page_and_says_what_is_not_built() -> None:
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    assert [name for name in parts if name in CONDITIONS] == CONDITIONS
    for name in CONDITIONS:
        assert "Not built yet" in parts[name], name
        assert ("| `" in parts[name]) == (name in BUILT), name
