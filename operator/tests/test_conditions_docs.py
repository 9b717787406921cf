"""The page on conditions, the words in the code and the cases that prove them stay in step."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from kit.crds import Case
from kit.evidence import ConditionCase

import pulse_operator.conditions
from pulse_operator.conditions import ORDER
from pulse_operator.dependencies import Reason

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"
CODE = Path(pulse_operator.conditions.__file__).parent
CASE = re.compile(r"`([A-Za-z]+): ([^`]+)`")
TOLD = ("set when", "cleared when", "what to do")  # what a row says to users, before the cases that prove it
SHARED = "The same for every object"
# Whose verdicts go into which condition: a module of cases, and how the names of its cases begin.
SUBJECTS = {
    "KafkaReady": [("kafka", "")],
    "TopicsReady": [("topics", "")],
    "CredentialsReady": [("users", ""), ("databases", "role: ")],
    "DatabaseReady": [("cluster", ""), ("databases", "database: ")],
}
# Which cases show the reasons that a file of conditions gives.
GROUPS = {
    "kafka": "source",
    "credentials": "credentials",
    "database": "database",
    "consumer": "consumer",
    "deployment": "consumer",
    "collector": "collector",
    "scheduled": "transform",
    "transform": "transform",
    "maintenance": "maintenance",
    "dashboard": "dashboard",
    "aside": "ready",
}


@dataclass(frozen=True)
class Row:
    """One row of the page: the part it stands in, a reason, the statuses it comes with, and the cases that show it."""

    part: str
    reason: str
    statuses: frozenset[str]
    cases: tuple[tuple[str, str], ...]


def parts() -> dict[str, str]:
    """The text of the page by its headings."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


def rows() -> Iterator[Row]:
    for part, text in parts().items():
        for line in text.splitlines():
            if line.startswith("| `"):
                reason, status, *told, proved_by = (cell.strip() for cell in line.strip("|").split(" | "))
                assert len(told) == len(TOLD), line
                assert all(told), line
                assert not any(CASE.search(cell) for cell in told), f"a case between words for users: {line}"
                cases = CASE.findall(proved_by)
                yield Row(part, reason.strip("` "), frozenset(status.split(", ")), tuple(cases))


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@cache
def cases_of(group: str) -> tuple[ConditionCase, ...]:
    return tuple(module(Path(__file__).with_name(f"test_conditions_{group}.py")).CASES)


@cache
def proved() -> dict[tuple[str, str], Case | ConditionCase]:
    """Every case, by its subject or condition and its name."""
    subjects = sorted({subject for found in SUBJECTS.values() for subject, _ in found})
    found: list[tuple[str, Case | ConditionCase]] = []
    for subject in subjects:
        found += ((subject, case) for case in module(Path(__file__).with_name(f"test_dependencies_{subject}.py")).CASES)
    for group in sorted({*GROUPS.values()}):
        found += ((case.condition, case) for case in cases_of(group))
    named = {(subject, case.name): case for subject, case in found}
    assert len(named) == len(found), "two cases of one name"
    return named


def belongs(part: str, subject: str, name: str) -> bool:
    """Whether this case shows something of this part of the page."""
    its = [(subject, start) for subject, start in SUBJECTS.get(part, [])]
    return part in (SHARED, subject) or any(subject == one and name.startswith(start) for one, start in its)


def rolled_up(case: Case | ConditionCase) -> bool:
    """Whether it is another condition's verdict that Ready repeats."""
    return any(says.split(": ")[0] in ORDER for says in case.says)


def test_every_reason_is_shown_by_a_case() -> None:
    assert {case.reason for case in proved().values()} == {reason.value for reason in Reason}


@pytest.mark.parametrize(("file", "group"), GROUPS.items())
def test_every_reason_that_a_file_gives_is_shown_by_cases_of_its_conditions(file: str, group: str) -> None:
    code = ast.parse((CODE / f"{file}.py").read_text(encoding="utf-8"))
    given = {
        Reason[node.attr].value
        for node in ast.walk(code)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }
    assert given
    assert given - {case.reason for case in cases_of(group)} == set()


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.part}: {row.reason}")
def test_a_row_names_cases_that_show_its_reason_and_all_its_statuses(row: Row) -> None:
    shown = [proved()[name] for name in row.cases]
    assert {case.reason for case in shown} == {row.reason}
    assert {case.status for case in shown} == row.statuses
    assert [name for name in row.cases if not belongs(row.part, *name)] == []


def test_everything_that_a_case_shows_stands_on_the_page() -> None:
    due = {(where, case.reason, case.status) for (where, _), case in proved().items() if not rolled_up(case)}
    there = {(where, row.reason, proved()[where, name].status) for row in rows() for where, name in row.cases}
    assert sorted(due - there) == []


def test_every_case_that_the_page_names_exists() -> None:
    named = CASE.findall(PAGE.read_text(encoding="utf-8").replace("\n", " "))
    subjects = {subject for subject, _ in proved()}
    assert [name for name in named if name[0] in subjects and name not in proved()] == []


def test_every_table_tells_users_apart_from_proof() -> None:
    heads = re.findall(r"^\| reason .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(heads) == {f"| reason | status | {' | '.join(TOLD)} | proved by |"}


def test_every_condition_has_its_part_of_the_page_with_a_table() -> None:
    assert [name for name in parts() if name in ORDER] == list(ORDER)
    assert all("| `" in parts()[name] for name in ORDER)
