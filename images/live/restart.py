#!/usr/bin/env python3
"""Stands before a component's command in the images that Tilt builds, so that changed code takes effect in place.

The root file system of a pod is read-only and its process may write to /tmp alone, so the code runs from there: this
copies it once, Tilt puts changed files over the copy and then says SIGHUP, and the command starts again. Images made
without Tilt do not have it. It is bin/<command> beside code/; PYTHONPATH names the copy, and the next <command> on the
PATH is the real one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType


class Runner:
    """Runs a command until it ends by itself or is told to; SIGHUP ends it and starts it again."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._again = False
        self._ending = False

    def run(self) -> int:
        """The exit code of the command; of one that a signal ended, 128 and its number."""
        signal.signal(signal.SIGHUP, self._restart)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        while True:
            self._again = False
            self._child = subprocess.Popen(self._command)
            if self._again or self._ending:
                self._stop()  # the signal came before there was whom to pass it on to
            code = self._child.wait()
            if self._ending or not self._again:
                return code if code >= 0 else 128 - code

    def _restart(self, _number: int, _frame: FrameType | None) -> None:
        self._again = True
        self._stop()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True
        self._stop()

    def _stop(self) -> None:
        if self._child:
            self._child.terminate()


def seed(code: Path, live: Path) -> None:
    """Copies what is not there yet: a container that starts again keeps the files that Tilt put there."""
    for file in code.rglob("*"):
        target = live / file.relative_to(code)
        if file.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)


def real(own: Path) -> str:
    """The path of the command that this one stands before."""
    others = [folder for folder in os.get_exec_path() if Path(folder).resolve() != own.parent.resolve()]
    found = shutil.which(own.name, path=os.pathsep.join(others))
    if not found:
        raise SystemExit(
            f"{own} stands before a command {own.name}, and none is on the PATH: {os.pathsep.join(others)}"
        )
    return found


if __name__ == "__main__":
    own = Path(sys.argv[0]).absolute()
    seed(own.parents[1] / "code", Path(os.environ["PYTHONPATH"]))
    sys.exit(Runner([real(own), *sys.argv[1:]]).run())
