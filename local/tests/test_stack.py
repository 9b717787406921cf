"""The local stack comes up, says how it is, survives a crash and goes down, by the words a person types."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
import uuid
from http.client import HTTPConnection
from typing import Any

import pytest
from kit.collector import EVENTS, Reply, asked
from kit.stack import Cli, make_home

from pulse_local import ports, processes
from pulse_local.state import Ports

pytestmark = pytest.mark.integration

ALL = {"kafka", "postgres", "consumer", "collector", "shop", "dashboard"}


def answered(port: int, *request: Any) -> Reply:
    connection = HTTPConnection(ports.HOST, port, timeout=30)
    try:
        return asked(connection, *request)
    finally:
        connection.close()


def sentences(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def test_status_shows_what_runs_and_how_far_it_is(stack: Cli) -> None:
    done = stack.run("status")
    assert done.returncode == 0, done.stderr
    for name in ALL:
        assert str(stack.process(name).pid) in done.stdout
    assert "end of demo-events" in done.stdout
    assert "lag" in done.stdout


def test_a_second_up_is_one_sentence_and_changes_nothing(stack: Cli) -> None:
    before = stack.state()
    done = stack.run("up")
    assert done.returncode == 3
    assert sentences(done.stderr) == [
        "pulse up: The local stack already runs: `pulse status` shows how it is, `pulse down` stops it."
    ]
    assert stack.state() == before


def test_a_service_that_died_fails_the_status_and_is_the_only_one_started_again(stack: Cli) -> None:
    kafka = stack.process("kafka")
    stack.kill("consumer")
    status = stack.run("status")
    assert status.returncode == 1
    assert "Not running: consumer. `pulse logs consumer` says why, `pulse up` starts it again." in status.stderr
    assert stack.run("up").returncode == 0
    assert stack.running() == ALL
    assert stack.process("kafka") == kafka


@pytest.mark.parametrize(
    ("dead", "known", "unknown"),
    [
        ("kafka", ["stored up to", "rows in raw.events"], ["end of demo-events", "lag"]),
        ("postgres", ["end of demo-events", "end of demo-dlq"], ["stored up to", "lag", "rows in raw.dead_letters"]),
    ],
)
def test_with_one_service_down_the_status_still_counts_what_the_others_know(
    stack: Cli, dead: str, known: list[str], unknown: list[str]
) -> None:
    stack.kill(dead)
    try:
        done = stack.run("status")
    finally:
        stack.run("down")
        again = stack.run("up")
    assert again.returncode == 0, again.stderr
    assert done.returncode == 1
    counts = dict(re.findall(r"^\s*(\S.*?)\s{2,}([\d,]+|unknown)\s*$", done.stdout, re.MULTILINE))
    assert all(counts[what] != "unknown" for what in known)
    assert all(counts[what] == "unknown" for what in unknown)


def test_after_a_crash_of_everything_the_data_is_still_there(stack: Cli) -> None:
    stack.run("psql", "--admin", "-c", "create table if not exists public.kept (n int)")
    stack.run("psql", "--admin", "-c", "insert into public.kept values (1)")
    for name in ("dashboard", "shop", "collector", "consumer", "kafka", "postgres"):
        stack.kill(name)
    assert stack.run("status").returncode == 1
    assert stack.run("up").returncode == 0
    assert stack.ask("select count(*) > 0 from public.kept") == [(True,)]


def test_the_shop_is_served_and_what_its_pages_send_is_stored(stack: Cli) -> None:
    state = json.loads((stack.home / "state.json").read_text())
    shop = f"http://{ports.HOST}:{state['ports']['shop']}"
    assert b"pulse.js" in answered(state["ports"]["shop"], "GET", "/index.html").body
    assert b"export function tracker" in answered(state["ports"]["shop"], "GET", "/pulse.js").body
    event = {"event_type": "search", "user_id": "u", "timestamp": "2026-01-02T03:04:05Z", "event_id": str(uuid.uuid4())}
    headers = {"Content-Type": "text/plain", "Origin": shop}
    reply = answered(state["ports"]["collector"], "POST", EVENTS, json.dumps(event).encode(), headers)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (202, shop)
    deadline = time.monotonic() + 60
    query = f"select event_type from raw.events where event_id = '{event['event_id']}'"
    while stack.ask(query) != [("search",)]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_state_of_an_earlier_boot_touches_no_process(stack: Cli) -> None:
    """After a reboot the pids in the state belong to other programs."""
    path = stack.home / "state.json"
    saved = path.read_text()
    raw = json.loads(saved)
    for process in raw["processes"]:
        process["pid"], process["started"] = os.getpid(), "another-boot/1"
    path.write_text(json.dumps(raw))
    try:
        assert stack.run("status").returncode == 1
        done = stack.run("down")
        assert done.returncode == 0
        assert sentences(done.stderr) == ["Nothing was running: `pulse up` starts the local stack."]
    finally:
        path.write_text(saved)
    assert stack.running() == ALL


def test_the_reader_sees_marts_and_no_raw_data(stack: Cli) -> None:
    assert "pulse_reader" in stack.run("psql", "-c", "select current_user").stdout
    refused = stack.run("psql", "-c", "table raw.events")
    assert refused.returncode != 0
    assert "permission denied for schema raw" in refused.stderr
    assert refused.stderr.endswith("The reader sees the marts; `pulse psql --admin` sees the raw tables too.\n")
    assert stack.run("psql", "--admin", "-c", "select count(*) from raw.events").returncode == 0


def test_a_subcommand_of_another_package_works_on_the_running_stack(stack: Cli) -> None:
    done = stack.run("migrate")
    assert done.returncode == 0, done.stderr


def test_logs_are_shown_by_name(stack: Cli) -> None:
    assert "database system is ready" in stack.run("logs", "postgres").stdout
    unknown = stack.run("logs", "zookeeper")
    assert unknown.returncode == 3
    assert "There is no log of 'zookeeper': the services with one are" in unknown.stderr


def test_logs_go_on_with_what_is_added(stack: Cli) -> None:
    following = stack.start("logs", "postgres", "-f")
    try:
        lines: list[str] = []
        stack.run("psql", "--admin", "-c", "select 'added' from nowhere")
        assert following.stdout
        for line in following.stdout:
            lines.append(line)
            if "nowhere" in line:
                break
        assert "nowhere" in lines[-1]
    finally:
        following.send_signal(signal.SIGINT)
        following.communicate()


def test_a_taken_port_is_one_sentence_and_leaves_nothing_running(fresh_stack: Cli) -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        done = fresh_stack.run("up", "--kafka-port", str(port))
    assert done.returncode == 3
    assert sentences(done.stderr) == [
        f"pulse up: Port {port} is in use: stop the program that listens on it, or give --kafka-port another port."
    ]
    assert fresh_stack.running() == set()


def test_a_start_that_fails_stops_what_it_started(fresh_stack: Cli) -> None:
    done = fresh_stack.run("up", PULSE_BATCH_ROWS="none")
    assert done.returncode == 3
    assert "PULSE_BATCH_ROWS: 'none' is not accepted" in sentences(done.stderr)[-1]
    assert fresh_stack.running() == set()
    assert fresh_stack.run("down").stderr.startswith("Nothing was running")


def test_a_start_that_fails_leaves_no_port_to_the_next_one(fresh_stack: Cli) -> None:
    port = ports.free_port()
    assert fresh_stack.run("up", "--kafka-port", str(port), PULSE_BATCH_ROWS="none").returncode == 3
    assert fresh_stack.state().ports == Ports()
    with socket.create_server((ports.HOST, port)):
        done = fresh_stack.run("up")
    assert done.returncode == 0, done.stderr
    assert fresh_stack.state().ports.kafka != port


def test_one_port_for_two_services_is_refused(fresh_stack: Cli) -> None:
    port = str(ports.free_port())
    done = fresh_stack.run("up", "--kafka-port", port, "--postgres-port", port)
    assert done.returncode == 3
    assert (
        done.stderr == f"pulse up: --kafka-port and --postgres-port are both {port}: give one of them another port.\n"
    )


def test_down_leaves_no_process_and_purge_no_file(fresh_stack: Cli) -> None:
    assert fresh_stack.run("up", "--kafka-port", str(port := ports.free_port())).returncode == 0
    assert fresh_stack.state().ports.kafka == port
    started = fresh_stack.state().processes
    down = fresh_stack.run("down")
    assert down.returncode == 0, down.stderr
    assert not any(processes.is_running(process) for process in started)
    again = fresh_stack.run("down", "--purge")
    assert again.returncode == 0
    assert not fresh_stack.home.exists()


def test_down_and_status_of_nothing_say_so(fresh_stack: Cli) -> None:
    assert fresh_stack.run("down").stderr == "Nothing was running: `pulse up` starts the local stack.\n"
    status = fresh_stack.run("status")
    assert status.returncode == 1
    assert status.stderr == "The local stack does not run: `pulse up` starts it.\n"


def test_purge_refuses_a_directory_that_is_not_ours(fresh_stack: Cli) -> None:
    theirs = make_home()
    (theirs / "thesis.txt").write_text("years of work")
    done = fresh_stack.run("down", "--purge", PULSE_HOME=str(theirs))
    assert done.returncode == 3
    assert "was not made by the local stack" in done.stderr
    assert (theirs / "thesis.txt").exists()
    (theirs / "thesis.txt").unlink()
    theirs.rmdir()
