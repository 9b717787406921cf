"""Failpoints: off they do nothing, on they kill at the passage that was asked for, and no edge is named for nothing."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import pulse_consumer
from pulse.errors import SettingsError
from pulse_consumer import failpoints
from pulse_consumer.failpoints import Edge

NAMES = [edge.value for edge in Edge]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def calls() -> Iterator[tuple[str, bool]]:
    """Every call of `passed` in the consumer: the edge, and whether it stands in a loop."""
    for path in Path(pulse_consumer.__file__).parent.rglob("*.py"):
        yield from _calls(ast.parse(path.read_text(encoding="utf-8")), False)


def _calls(node: ast.AST, looped: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.passed":
        yield ast.unparse(node.args[0]).removeprefix("Edge."), looped
    for child in ast.iter_child_nodes(node):
        starts_anew = isinstance(child, ast.FunctionDef)
        yield from _calls(child, not starts_anew and (looped or isinstance(child, ast.For | ast.While)))


def test_each_edge_stands_in_one_place_and_in_no_loop_over_records() -> None:
    found = list(calls())
    assert Counter(name for name, _ in found) == Counter(edge.name for edge in Edge)
    assert [name for name, looped in found if looped] == []


def test_unset_an_edge_counts_nothing_and_kills_nothing() -> None:
    failpoints.arm("")
    for edge in Edge:
        for _ in range(1_000):
            failpoints.passed(edge)
    assert failpoints._armed == {}


def test_an_armed_edge_leaves_the_others_alone() -> None:
    failpoints.arm("committed:2")
    for edge in Edge:
        if edge is not Edge.COMMITTED:
            failpoints.passed(edge)
    failpoints.passed(Edge.COMMITTED)
    assert failpoints._armed == {Edge.COMMITTED: 1}


@pytest.mark.parametrize(
    "text", ["comitted", "committed:0", "committed:-1", "committed:", ":3", "committed:x", "COPIED"]
)
def test_what_names_no_edge_is_refused_with_the_names_that_do(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        failpoints.arm(text)
    assert repr(text) in str(refused.value)
    assert ", ".join(NAMES) in str(refused.value)
    assert failpoints._armed == {}


@pytest.mark.parametrize(("text", "survived"), [("copied", 0), ("copied:1", 0), ("copied:3", 2)])
def test_the_process_kills_itself_at_the_nth_passage(text: str, survived: int) -> None:
    program = (
        "from pulse_consumer import failpoints\n"
        f"failpoints.arm({text!r})\n"
        "while True:\n"
        "    failpoints.passed(failpoints.Edge.COPIED)\n"
        "    print('alive', flush=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == ["alive"] * survived


def test_the_page_names_every_edge() -> None:
    page = Path(__file__).parents[3] / "docs" / "chaos.md"
    section = page.read_text(encoding="utf-8").partition("\n## Failpoints\n")[2].partition("\n## ")[0]
    assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == NAMES
