"""A broker of one test's own, which may be killed and started again with what it had."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from kit.guardian import Guardian
from pulse_local import ports
from pulse_local.services import kafka as kafka_service


class OwnKafka:
    """Running, on the same ports and with the same log whenever it is started."""

    def __init__(self, home: Path, jars: list[Path], guardian: Guardian) -> None:
        self._home, self._jars, self._guardian = home, jars, guardian
        self._ports = ports.free_port(), ports.free_port()
        self.running = self.start()

    def start(self) -> kafka_service.Broker:
        self.running = kafka_service.start(
            self._home / "own-kafka",
            self._home / "own-kafka.log",
            self._jars,
            *self._ports,
            on_start=self._guardian.watch,
        )
        return self.running

    def kill(self) -> None:
        os.kill(self.running.process.pid, signal.SIGKILL)
