"""The pages keep up with the code: generated ones are current, written ones name everything that there is."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pulse.cli import ENTRY_POINT_GROUP
from pulse_local import subcommands

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LEVELS = {"debug", "info", "warning", "error", "exception"}


def generator():  # type: ignore[no-untyped-def] # a script, not a module of a package
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(generator().PAGES))
def test_generated_pages_are_current(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == generator().PAGES[name](), "run `make docs`"


def logged() -> Iterator[tuple[str, str]]:
    """Every (event, key) that some component logs; key is "" for the event itself."""
    for path in [*ROOT.glob("*/pulse*/**/*.py"), *ROOT.glob("images/*/pulse_*/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            event = logged_event(node)
            if event is not None:
                assert isinstance(event, ast.Constant), f"{path}: the name of a log event is a plain text"
                yield str(event.value), ""
                yield from ((str(event.value), key.arg) for key in node.keywords if key.arg)  # type: ignore[attr-defined]


def logged_event(node: ast.AST) -> ast.expr | None:
    """The name of the event, if the node is a call that logs: .info(event, …) or .log(level, event, …)."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return None
    if node.func.attr in LEVELS:
        return node.args[0]
    with_level = node.func.attr == "log" and len(node.args) == 2 and "log" in ast.unparse(node.func.value)
    return node.args[1] if with_level else None


def test_every_log_event_and_key_is_documented() -> None:
    table = {}
    for line in (ROOT / "docs" / "reference" / "logs.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            _, event, keys, *_ = line.split("|")
            table[event.strip(" `")] = set(re.findall(r"`(\w+)`", keys)) | {""}
    found = set(logged())
    missing = sorted((event, key) for event, key in found if key not in table.get(event, set()))
    assert missing == []
    assert sorted(set(table) - {event for event, _ in found}) == [], "documented, and logged by nobody"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"`[^`\n]*`(?!\]\()", "", page.read_text(encoding="utf-8"))  # patterns in code look like links
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for file, name in re.findall(r"`((?:[\w.-]+/)+test_\w+\.py)(?:::(\w+))?", page.read_text(encoding="utf-8")):
        assert (ROOT / file).exists(), f"{page.name} names {file}"
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), f"{page.name} names {file}::{name}"


def test_every_guarantee_and_every_way_to_lose_events_names_its_test() -> None:
    lines = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8").splitlines()
    rows = [
        line for line in lines if line.startswith("| ") and not line.startswith(("| --- |", "| guarantee", "| sink"))
    ]
    assert len(rows) > 25
    for row in rows:
        assert "/test_" in row.split(" | ")[2], row
        assert "::test_" in row.split(" | ")[2], row


def test_a_mutation_that_the_guarantees_name_exists() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8").split("## Where")[0]
    named = {name for row in text.splitlines() for name in re.findall(r"`([a-z-]+)`", row.rsplit(" | ", 1)[-1])}
    chaos = (ROOT / "docs" / "chaos.md").read_text(encoding="utf-8")
    assert named
    assert sorted(name for name in named if f"| `{name}` |" not in chaos) == []


def shell_lines(page: Path) -> Iterator[str]:
    """The lines of the page's shell blocks, comments cut off."""
    for block in re.findall(r"```(?:sh|console|bash)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            yield line.removeprefix("$ ").split(" #")[0].strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = {*subcommands.OWN, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))}
    for line in shell_lines(page):
        words = [word for word in line.split() if "=" not in word or word.startswith("-")]
        if words[:1] == ["make"]:
            assert set(words[1:]) <= targets, line
        if words and words[0].endswith("pulse") and len(words) > 1:
            assert words[1] in commands or words[1].startswith("-"), line


def test_the_readme_names_every_target_that_a_newcomer_needs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in ("make demo", "make test", "make check", "make setup"):
        assert target in text
    assert len(text.splitlines()) < 200


def test_the_install_page_pins_the_operators_that_the_tests_install() -> None:
    told = re.findall(r"--version (\S+)", (ROOT / "docs" / "install.md").read_text(encoding="utf-8"))
    installed = (ROOT / "k8s-tests" / "kind" / "real.py").read_text(encoding="utf-8")
    assert told == re.findall(r'^ +version="(\S+)",$', installed, re.MULTILINE)
    assert len(told) == 2
