"""A process that was started is found again and stopped, and no other process is ever touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pulse.errors import Stop
from pulse_local import ports, processes
from pulse_local.processes import Process

pytestmark = pytest.mark.integration

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
)


class Starter:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Process] = []

    def __call__(self, code: str) -> Process:
        process = processes.start(
            "child", [sys.executable, "-c", code], log=self.folder / "child.log", env=dict(os.environ), cwd=self.folder
        )
        self.started.append(process)
        return process


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(tmp_path)
    yield starter
    for process in starter.started:
        processes.stop(process, grace_seconds=0)


def test_a_process_is_stopped_gently(start: Starter) -> None:
    process = start("import time; time.sleep(600)")
    assert processes.is_running(process)
    assert processes.stop(process)
    assert not processes.is_running(process)


def test_a_process_that_does_not_listen_is_killed_and_that_is_said(start: Starter) -> None:
    process = start(STUBBORN)
    assert processes.wait_until(lambda: "on" in processes.log_tail(Path(process.log)), 10)
    assert not processes.stop(process, grace_seconds=0.2)
    assert not processes.is_running(process)


def test_another_process_with_the_same_pid_is_left_alone(start: Starter) -> None:
    process = start("import time; time.sleep(600)")
    before_a_reboot = replace(process, started="another-boot/1")
    assert not processes.is_running(before_a_reboot)
    assert processes.stop(before_a_reboot)
    assert processes.is_running(process)


def test_another_run_of_the_command_finds_the_process_too(start: Starter) -> None:
    process = start("import time; time.sleep(600)")
    code = f"from pulse_local.processes import *; print(is_running({process!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_one_that_ends_while_it_starts_is_told_with_the_end_of_its_log(start: Starter) -> None:
    process = start("print('no room in here'); raise SystemExit(1)")
    with pytest.raises(Stop, match=r"(?s)child ended while it started\. The end of .*no room in here"):
        processes.wait_ready(process, lambda: False, 10)


def test_one_that_never_gets_ready_is_told_with_the_limit(start: Starter) -> None:
    process = start("import time; time.sleep(600)")
    with pytest.raises(Stop, match="child was not ready within 1 s"):
        processes.wait_ready(process, lambda: False, 1)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"child cannot be started: /no/such/program: No such file"):
        processes.start("child", ["/no/such/program"], log=tmp_path / "log", env={}, cwd=tmp_path)


def test_a_port_in_use_is_refused_with_its_option() -> None:
    import socket

    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Stop, match=rf"Port {port} is in use: .* give --kafka-port another port"):
            ports.forced_port(port, "--kafka-port")
        assert ports.free_port(preferred=port) != port
