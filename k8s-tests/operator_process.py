"""The operator as a process of its own against a test's API server, as it runs in a pod."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apiserver import ApiServer

from pulse_local import ports

IMAGES = {
    "PULSE_CONSUMER_IMAGE": "pulse-consumer:test",
    "PULSE_SIMULATOR_IMAGE": "pulse-simulator:test",
    "PULSE_TRANSFORM_IMAGE": "pulse-transform:test",
    "PULSE_DASHBOARDS_IMAGE": "pulse-dashboards:test",
    "PULSE_COLLECTOR_IMAGE": "pulse-collector:test",
}
START_SECONDS = 60.0


@dataclass
class Operator:
    """One process."""

    process: subprocess.Popen[bytes]
    log: Path
    health: str

    def get(self, path: str) -> tuple[int, str]:
        """What its health port answers."""
        try:
            with urllib.request.urlopen(self.health + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it and returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def said(self) -> str:
        """All that it logged."""
        return self.log.read_text()


@contextmanager
def operating(server: ApiServer, home: Path, namespaces: str, **variables: str) -> Iterator[Operator]:
    """An operator that looks after these namespaces (comma-separated), until the block ends."""
    home.mkdir(parents=True, exist_ok=True)
    port = ports.free_port(0, set())
    log = home / "operator.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PULSE_")},
        **IMAGES,
        "KUBECONFIG": str(server.kubeconfig(home / "kubeconfig")),
        "PULSE_OPERATOR_NAMESPACE": "default",
        "PULSE_OPERATOR_NAMESPACES": namespaces,
        "PULSE_OPERATOR_LEASE": "pulse-operator",
        "PULSE_LAG_INTERVAL": "1s",
        "PULSE_LOG_FORMAT": "json",
        "PULSE_HEALTH_PORT": str(port),
        **variables,
    }
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pulse_operator", "run"], env=environment, stdout=out, stderr=out
        )
    operator = Operator(process, log, f"http://127.0.0.1:{port}")
    try:
        _wait_until_up(operator)
        yield operator
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(operator: Operator) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if operator.get("/readyz")[0] == 200:
                return
        except OSError:
            pass
        if operator.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The operator does not come up:\n{operator.said()[-3000:]}")
        time.sleep(0.1)
