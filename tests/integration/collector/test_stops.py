"""The end of a collector, asked for or not: what it answered with 202 is there."""

from __future__ import annotations

import json
import os
import signal
import socket
from datetime import timedelta

import pytest
from kit.collector import EVENTS, Running, event, ids_of, in_topic
from kit.load import Load
from kit.pipeline import Pipeline

from pulse_local.ports import HOST

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_in_the_middle_of_load_loses_nothing_that_was_answered_202(pipeline: Pipeline, number: int) -> None:
    running = Running(pipeline, rate=0.0)
    load = Load(running)
    pipeline.wait_for(lambda: len(load.acknowledged) > 2_000, lambda: load.statuses)
    code = pipeline.stop(running.process, number)
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    load.end()
    assert load.statuses == {202}
    stored = set(ids_of(in_topic(pipeline)))
    assert set(load.acknowledged) <= stored
    if number == signal.SIGTERM:
        assert stored == set(load.acknowledged), "what was begun is answered before the end"
    assert "Traceback" not in running.log


def test_a_request_that_is_under_way_is_answered_before_the_end(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    body = json.dumps(event(1)).encode()
    head = f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((HOST, running.port), timeout=60) as slow:
        slow.sendall(head.encode() + body[:20])
        pipeline.wait_for(lambda: running.metric("pulse_collector_held_bytes") == 20, lambda: running.log)
        os.kill(running.process.pid, signal.SIGTERM)
        pipeline.wait_for(lambda: not _listens(running.port), lambda: running.log)
        slow.sendall(body[20:])
        assert slow.recv(4_096).startswith(b"HTTP/1.1 202 ")
    assert running.process.wait(60) == 0
    assert ids_of(in_topic(pipeline)) == [event(1)["event_id"]]


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_collector_that_is_to_stop_is_unready_first(pipeline: Pipeline) -> None:
    running = Running(pipeline, stop_delay=timedelta(seconds=2))
    assert running.health("/readyz") == (200, "ok\n")
    os.kill(running.process.pid, signal.SIGTERM)
    pipeline.wait_for(lambda: running.health("/readyz")[0] == 503, lambda: "still ready")
    assert running.post(event(1)).status == 202
    assert running.process.wait(30) == 0
