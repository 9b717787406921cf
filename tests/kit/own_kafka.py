"""A broker that tests may kill, and start again with what it had. Apart from the one that all others share."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from kit.guardian import Guardian
from pulse_local import ports, processes
from pulse_local.services import kafka


class OwnKafka:
    """Running at first; on the same ports and with the same log whenever it is started."""

    def __init__(self, home: Path, jars: list[Path], guardian: Guardian) -> None:
        self._home, self._jars, self._guardian = home, jars, guardian
        self._ports = ports.free_port(), ports.free_port()
        self._alive = False
        self.start()

    def start(self) -> None:
        """Returns when it answers, at once if it was not killed."""
        if self._alive:
            return
        directory, log = self._home / "own-kafka", self._home / "own-kafka.log"
        self._running = kafka.start(directory, log, self._jars, *self._ports, on_start=self._guardian.watch)
        self.settings = self._running.settings
        self._alive = True

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        os.kill(self._running.process.pid, signal.SIGKILL)
        while processes.is_running(self._running.process):
            time.sleep(0.01)
        self._alive = False

    def close(self) -> None:
        """For good."""
        if self._alive:
            kafka.stop(self._running.process)
