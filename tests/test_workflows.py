"""The hosted workflows, which no developer's machine runs: their form, and that what they name exists.

Whether the steps do their work, only a hosted runner shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
FILES = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
PROGRAMS = (ROOT / "k8s-tests" / "programs.py").read_text(encoding="utf-8")


def parsed(file: Path) -> dict[str, Any]:
    """As GitHub reads it: to the YAML of this library, the word `on` is a truth."""
    found: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {"on": found.pop(True), **found}


def schema() -> dict[str, Any]:
    """The one that editors check workflows with, as the distribution check-jsonschema brings it."""
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    found: dict[str, Any] = yaml.safe_load((folder / "github-workflows.json").read_text(encoding="utf-8"))
    return found


def steps(workflow: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in workflow["jobs"].items():
        yield from ((name, step) for step in job["steps"])


def commands(workflow: dict[str, Any]) -> list[str]:
    return [step["run"] for _, step in steps(workflow) if "run" in step]


@pytest.fixture(params=FILES, ids=lambda file: file.name)
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    return parsed(request.param)


def test_there_is_a_workflow() -> None:
    assert [file.name for file in FILES] == ["ci.yaml"]


def test_a_workflow_has_the_form_of_one(workflow: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(schema()).validate(workflow)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema()).validate({**workflow, "job": {}})


def test_a_workflow_may_read_and_nothing_else(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "permissions" not in job, name
    text = yaml.safe_dump(workflow)
    assert "secrets." not in text
    assert "pull_request_target" not in workflow["on"], "it would run the code of strangers with the rights of a push"


def test_every_job_ends(workflow: dict[str, Any]) -> None:
    for name, job in workflow["jobs"].items():
        assert 0 < job["timeout-minutes"] <= 90, name
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"]), "latest is another one some day"


def test_an_action_has_a_version_and_keeps_no_credentials(workflow: dict[str, Any]) -> None:
    for name, step in steps(workflow):
        if "uses" not in step:
            continue
        assert re.fullmatch(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})", step["uses"]), f"{name}: {step['uses']}"
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}, name


def test_what_is_run_exists(workflow: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    wanted = [
        target for command in commands(workflow) for target in re.findall(r"^make ([a-z0-9-]+)", command, re.MULTILINE)
    ]
    assert wanted
    assert set(wanted) <= targets


def test_what_counts_for_a_cache_exists(workflow: dict[str, Any]) -> None:
    for name, step in steps(workflow):
        given = step.get("with", {})
        patterns = [given.get("cache-dependency-path", ""), *re.findall(r"'([^']+)'", given.get("key", ""))]
        for pattern in filter(None, patterns):
            assert list(ROOT.glob(pattern)), f"{name}: {pattern}"


def test_go_is_the_one_that_the_programs_need(workflow: dict[str, Any]) -> None:
    (needed,) = re.findall(r'^GO = "([\d.]+)"', PROGRAMS, re.MULTILINE)
    used = {
        step["with"]["go-version"]
        for _, step in steps(workflow)
        if step.get("uses", "").startswith("actions/setup-go@")
    }
    assert used == {needed}


def test_everything_that_ci_runs_here_runs_there_with_the_real_operators() -> None:
    workflow = parsed(ROOT / ".github" / "workflows" / "ci.yaml")
    lines = re.findall(
        r"^(?:timeout .*? )?make (.*?)(?: 2>.*)?$",
        (ROOT / ".ci" / "run").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    here = [word for line in lines for word in line.split() if not word.startswith("-")]
    assert {"check", "test", "test-apiserver", "e2e"} <= set(here)
    text = "\n".join(commands(workflow))
    assert [target for target in here if f"make {target}" not in text] == []
    for name in ("end-to-end", "tilt"):
        assert workflow["jobs"][name]["env"]["PLATFORM"] == "real"
    (cluster,) = re.findall(r'^NAME = "(.*)"$', (ROOT / "k8s-tests/kind/cluster.py").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"--name (\S+)", text)) == {cluster}


def test_a_program_is_found_by_its_name_and_its_lock_is_not() -> None:
    (digits,) = re.findall(r"hexdigest\(\)\[:(\d+)\]", PROGRAMS)
    name = f"kind-{'0' * int(digits)}"
    patterns = re.findall(r"/(kind-\S+)", "\n".join(commands(parsed(ROOT / ".github" / "workflows" / "ci.yaml"))))
    found = [
        (fnmatch(name, pattern), fnmatch(f"{name}.lock", pattern))
        for pattern in patterns
        if "?" in pattern or "*" in pattern
    ]
    assert found == [(True, False)] * 2


def test_tilt_is_new_enough_and_held_to_its_checksums() -> None:
    job = parsed(ROOT / ".github" / "workflows" / "ci.yaml")["jobs"]["tilt"]
    (least,) = re.findall(r'constraint=">=([\d.]+)"', (ROOT / "Tiltfile").read_text(encoding="utf-8"))
    assert _numbers(job["env"]["TILT"]) >= _numbers(least)
    text = "\n".join(step.get("run", "") for step in job["steps"])
    assert "sha256sum --check --strict" in text
    assert text.index("sha256sum") < text.index("tar -x")
    assert text.index("make kind-up") < text.index("tilt ci")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
