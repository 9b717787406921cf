"""Clients that send without end, or hardly at all: they are got rid of, and hold nobody up."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from datetime import timedelta

import pytest
from kit.collector import EVENTS, Running, event, refusal, resident_kib
from kit.pipeline import Pipeline

from pulse_local.ports import HOST

pytestmark = pytest.mark.integration


def test_a_body_without_end_is_refused_and_fills_no_memory(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    with socket.create_connection((HOST, running.port), timeout=30) as client:
        client.sendall(
            b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        before = resident_kib(running)
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        with suppress(OSError):  # it may have hung up
            for _ in range(1_600):  # 100 MiB
                client.sendall(chunk)
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    assert resident_kib(running) - before < 20_000
    announced = {"Content-Type": "text/plain", "Content-Length": str(100 * 1024 * 1024)}
    refusal(running.request("POST", EVENTS, b"x", announced), "request_too_large")
    assert running.post(event(1)).status == 202


def test_a_client_that_is_slow_on_purpose_is_hung_up_on_and_holds_nobody_up(pipeline: Pipeline) -> None:
    running = Running(pipeline, body_timeout=timedelta(seconds=0.5))
    slow = [socket.create_connection((HOST, running.port), timeout=60) for _ in range(200)]
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n"
    for number, client in enumerate(slow):
        client.sendall(head + b"\r\n{" if number % 2 else head)
    began = time.monotonic()
    assert running.post(event(1)).status == 202
    assert time.monotonic() - began < 5
    for number, client in enumerate(slow):
        answer = b"".join(iter(lambda client=client: client.recv(65_536), b""))  # type: ignore[misc]
        assert answer.startswith(b"HTTP/1.1 408 ") if number % 2 else answer == b""
        client.close()
    assert running.metric('pulse_collector_requests_total{code="body_too_slow"}') == 100
    assert refused_connections(running, "head_too_slow") == 100


def refused_connections(running: Running, reason: str) -> float:
    return running.metric(f'pulse_collector_connections_refused_total{{reason="{reason}"}}')


def test_a_head_without_end_is_hung_up_on(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    taken = 0
    with socket.create_connection((HOST, running.port), timeout=30) as client, suppress(OSError):
        client.sendall(b"GET / HTTP/1.1\r\n")
        for number in range(100_000):
            taken += client.send(b"x-%d: %s\r\n" % (number, b"y" * 1_000))
    assert taken < 20_000_000, "what buffers hold, and no more"
    assert refused_connections(running, "head_too_long") == 1
    assert running.post(event(1)).status == 202


def test_what_is_not_http_gets_400(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    for junk in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST /v1/events HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection((HOST, running.port), timeout=30) as client:
            client.sendall(junk)
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")
    assert refused_connections(running, "not_http") == 3
    assert running.post(event(1)).status == 202
