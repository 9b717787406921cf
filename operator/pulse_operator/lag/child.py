"""Starts `worker` when it is needed, asks it, and notices its end."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

# The worker answers within the limits of its questions; one that does not hangs.
ANSWER_SECONDS = 20.0
_END_SECONDS = 5.0


class Crashed(Exception):
    """The worker ended, or hung and was ended. The next question starts another."""


class Child:
    """The worker's process. One thread at a time."""

    def __init__(self) -> None:
        self._running: tuple[subprocess.Popen[bytes], Connection] | None = None

    @property
    def runs(self) -> bool:
        return self._running is not None

    def ask(self, *question: Any) -> Any:
        """The answer, or Crashed."""
        self._running = self._running or self._start()
        line = self._running[1]
        try:
            line.send(question)
            if line.poll(ANSWER_SECONDS):
                return line.recv()
        except (EOFError, OSError) as ended:
            self._end()
            raise Crashed("it ended") from ended
        self._end()
        raise Crashed(f"no answer within {ANSWER_SECONDS:g} s")

    @staticmethod
    def _start() -> tuple[subprocess.Popen[bytes], Connection]:
        ours, theirs = Pipe()
        with theirs:
            words = [sys.executable, "-m", "pulse_operator.lag.worker", str(theirs.fileno())]
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        return process, ours

    def _end(self) -> None:
        if self._running is not None:
            process, line = self._running
            self._running = None
            line.close()
            process.kill()
            process.wait()

    def close(self) -> None:
        """Ends the worker, which closes its clients first."""
        if self._running is not None:
            process, line = self._running
            line.close()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
        self._end()
