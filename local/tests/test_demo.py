"""The demo ends by itself with sums that come out, and leaves no process behind however it ends."""

from __future__ import annotations

import signal
import subprocess

import pytest
from kit.stack import Cli

pytestmark = pytest.mark.integration

SMALL = ("--days", "3", "--users", "150", "--rate", "100")


def test_once_shows_the_marts_adds_up_and_leaves_nothing_running(fresh_stack: Cli) -> None:
    done = fresh_stack.run("demo", "--once", *SMALL)
    assert done.returncode == 0, done.stderr
    for title in ("Sessions", "Funnel", "Engagement", "Data quality", "stickiness", "late share"):
        assert title in done.stdout
    assert "It adds up:" in done.stderr
    assert fresh_stack.running() == set()


def test_ctrl_c_stops_what_the_demo_started_and_nothing_else(stack: Cli) -> None:
    before = stack.running()
    demo = stack.start("demo", *SMALL)
    assert demo.stdout
    try:
        said = []
        for line in demo.stdout:
            said.append(line)
            if "stored" in line and "lag" in line:
                break
        assert "lag" in said[-1], "".join(said)
        assert "simulator" in stack.running()
    finally:
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, rest
    assert "Stopping." in rest
    assert "It adds up: " in rest
    assert stack.running() == before
    assert not _children_of(demo)


def test_ctrl_c_while_it_starts_says_one_line_and_leaves_nothing_running(fresh_stack: Cli) -> None:
    demo = fresh_stack.start("demo", *SMALL)
    assert demo.stdout
    try:
        for line in demo.stdout:
            if line.startswith("Postgres on"):
                break
    finally:
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert [line for line in rest.splitlines() if line] == ["Stopped while starting; nothing is left running."]
    assert fresh_stack.running() == set()


def _children_of(demo: subprocess.Popen[str]) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(demo.pid)]
