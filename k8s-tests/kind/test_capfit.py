"""What the runtime shim takes from a container's specification before runc sees it, and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

SHIM = Path(__file__).parent / "runc-capfit"
ASKED = {
    "args": ["/sbin/init"],
    "oomScoreAdj": -999,
    "capabilities": {"bounding": ["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]},
}
GRANTED = {"args": ["/sbin/init"], "capabilities": {"bounding": ["CAP_SYS_ADMIN"], "effective": []}}


def called(home: Path, *words: str) -> list[str]:
    """The words that runc is called with after the shim has been."""
    commands = home / "bin"
    commands.mkdir()
    runc = commands / "runc"
    runc.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    runc.chmod(0o755)
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"}
    return subprocess.check_output(["python3", str(SHIM), *words], env=environment, text=True).splitlines()


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_new_container_does_without_what_the_machine_cannot_grant(tmp_path: Path, command: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"process": ASKED, "hostname": "node"}))
    words = ["--root", "/run", command, "--bundle", str(tmp_path), "name"]
    assert called(tmp_path, *words) == words
    assert json.loads(config.read_text()) == {"process": GRANTED, "hostname": "node"}


@pytest.mark.parametrize("option", ["--process {}", "--process={}", "-p {}"])
def test_a_command_in_a_running_container_does_too(tmp_path: Path, option: str) -> None:
    process = tmp_path / "process.json"
    process.write_text(json.dumps(ASKED))
    called(tmp_path, "exec", *option.format(process).split(), "name")
    assert json.loads(process.read_text()) == GRANTED


def test_other_commands_pass_through(tmp_path: Path) -> None:
    config: dict[str, Any] = {"process": ASKED}
    (tmp_path / "config.json").write_text(json.dumps(config))
    words = ["delete", "--force", "--bundle", str(tmp_path), "name"]
    assert called(tmp_path, *words) == words
    assert json.loads((tmp_path / "config.json").read_text()) == config
