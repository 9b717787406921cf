"""The programs that the demo runs besides the stack's services, and how they end: with the demo, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulse_local import processes

END_SECONDS = 30.0


def run(words: Sequence[str], env: Mapping[str, str]) -> int:
    """Runs a program that shows its own progress here, and returns its exit code."""
    child = subprocess.Popen(list(words), env=dict(env), stdin=subprocess.DEVNULL)
    try:
        return child.wait()
    except BaseException:
        end(child)
        raise


def start_transform(log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts dbt in the background; what it says goes to its log."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "pulse_transform", "run"],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def transform_failure(log: Path, code: int) -> str:
    """Why dbt ended with this code, in one line."""
    reason = _reason(processes.log_tail(log, lines=1))
    return f"dbt ended with exit code {code}, `pulse logs transform` shows all it said: {reason}"


def _reason(line: str) -> str:
    try:
        return str(json.loads(line)["reason"])
    except (ValueError, KeyError, TypeError):
        return line


def end(child: subprocess.Popen[bytes]) -> None:
    """Asks a program to end, and kills it when it does not."""
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
