"""Fixtures: a local stack of the tests' own, worked through the `pulse` command as a person would."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kit.guardian import Guardian
from pulse_local import processes, state
from pulse_local.processes import Process
from pulse_local.services import postgres
from pulse_local.state import State

COMMAND_SECONDS = 240


@dataclass(frozen=True)
class Cli:
    """The `pulse` command with a home of its own."""

    home: Path
    guardian: Guardian

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PULSE_HOME": str(self.home)}

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pulse_local", *words],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        self._watch()
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command in the background, its whole output in one stream."""
        return subprocess.Popen(
            [sys.executable, "-m", "pulse_local", *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def state(self) -> State:
        found = state.load(self.home / "state.json")
        assert found
        return found

    def process(self, name: str) -> Process:
        found = self.state().process(name)
        assert found, f"{name} is not in the state"
        return found

    def running(self) -> set[str]:
        found = state.load(self.home / "state.json")
        return {p.name for p in found.processes if processes.is_running(p)} if found else set()

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.state().dsn(postgres.ADMIN)) as connection:
            return connection.execute(question.encode()).fetchall()

    def kill(self, name: str) -> None:
        """SIGKILL, to the process and all that it started."""
        process = self.process(name)
        os.killpg(process.pid, signal.SIGKILL)
        assert processes.wait_until(lambda: not processes.is_running(process), 10)

    def _watch(self) -> None:
        found = state.load(self.home / "state.json")
        for process in found.processes if found else ():
            self.guardian.watch(process)


def make_home() -> Path:
    """A new directory that root's Postgres, another user, may enter; pytest's own are closed to it."""
    home = Path(tempfile.mkdtemp(prefix="pulse-stack-"))
    home.chmod(0o755)
    return home


@pytest.fixture
def fresh_stack(guardian: Guardian) -> Iterator[Cli]:
    """A stack that never ran."""
    cli = Cli(make_home(), guardian)
    yield cli
    cli.run("down", "--purge")
    shutil.rmtree(cli.home, ignore_errors=True)  # a home that nothing was started in is no home to the command


@pytest.fixture(scope="module")
def shared_stack(guardian: Guardian) -> Iterator[Cli]:
    """One stack for the tests of a module, as they left it."""
    cli = Cli(make_home(), guardian)
    yield cli
    cli.run("down", "--purge")
    shutil.rmtree(cli.home, ignore_errors=True)  # a home that nothing was started in is no home to the command


@pytest.fixture
def stack(shared_stack: Cli) -> Cli:
    """The module's stack, all of it running."""
    if not shared_stack.running() >= {"kafka", "postgres", "consumer", "collector", "shop", "dashboard"}:
        done = shared_stack.run("up")
        assert done.returncode == 0, done.stderr
    return shared_stack
