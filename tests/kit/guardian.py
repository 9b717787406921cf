"""Ends a test run's servers when the run itself could not, because it was killed.

Reads one process a line from stdin; when stdin closes, whatever of them still runs is stopped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from pulse_local import processes
from pulse_local.processes import Process


class Guardian:
    """The guardian as seen by the test run: it watches what it was told of, and acts when this process is gone."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def watch(self, process: Process) -> None:
        assert self._child.stdin
        self._child.stdin.write(json.dumps(asdict(process)) + "\n")
        self._child.stdin.flush()

    def dismiss(self) -> None:
        assert self._child.stdin
        self._child.stdin.close()
        self._child.wait()


def main() -> None:
    watched = [Process(**json.loads(line)) for line in sys.stdin]
    for process in reversed(watched):
        processes.stop(process)


if __name__ == "__main__":
    main()
