"""Requests that are refused as a whole: each by its own status and code, and nothing of them is stored."""

from __future__ import annotations

import gzip
import json
import socket
from collections import Counter
from datetime import timedelta

import pytest
from kit.collector import EVENTS, Reply, Running, event, in_topic, refusal
from kit.pipeline import Pipeline

from pulse_local.ports import HOST

pytestmark = pytest.mark.integration


def test_every_limit_has_its_status_and_nothing_of_the_request_is_stored(pipeline: Pipeline) -> None:
    running = Running(pipeline, request_bytes=2_000, unpacked_bytes=3_000, batch_events=5)
    counts: Counter[str] = Counter()

    def refused(reply: Reply, code: str) -> None:
        refusal(reply, code)
        counts[code] += 1

    refused(running.post(b"{"), "invalid_json")
    refused(running.post(b"[1]"), "not_an_object")
    refused(running.post(b'{"a": "\xff"}' + b"}"), "not_utf8")
    refused(running.post(b""), "empty_body")
    refused(running.post({"batch": 1}), "invalid_batch")
    refused(running.post({"batch": [], "sent_at": "x"}), "invalid_sent_at")
    refused(running.post({"batch": [event(n, user_id="u") for n in range(6)]}), "too_many_events")
    refused(running.post(event(1, page="p" * 2_000)), "request_too_large")
    refused(running.post(gzip.compress(bytes(3_001)), Content_Encoding="gzip"), "unpacked_too_large")
    refused(running.post(event(1), Content_Encoding="gzip"), "bad_gzip")
    refused(running.post(event(1), Content_Encoding="br"), "unsupported_encoding")
    refused(running.post(event(1), Content_Type="application/xml"), "unsupported_type")
    refused(running.post(event(1), Content_Type="text/plain; charset=utf-16"), "unsupported_type")
    refused(running.request("POST", EVENTS, b"{}"), "unsupported_type")
    refused(running.post(event(1), path="/v1/other"), "not_found")
    wrong = running.request("GET", EVENTS)
    refused(wrong, "method_not_allowed")
    assert wrong.headers["allow"] == "POST, OPTIONS"
    assert in_topic(pipeline) == []
    for code, count in counts.items():
        assert running.metric(f'pulse_collector_requests_total{{code="{code}"}}') == count, code
    assert running.post(event(1)).status == 202


def test_robots_are_told_to_stay_away(pipeline: Pipeline) -> None:
    assert b"Disallow: /" in Running(pipeline).request("GET", "/robots.txt").body


def test_more_bytes_than_may_be_held_are_told_to_come_again(pipeline: Pipeline) -> None:
    running = Running(pipeline, held_bytes=1024 * 1024, body_timeout=timedelta(minutes=5))
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection((HOST, running.port), timeout=30) as slow:
        slow.sendall(head + b" " * 900_000)
        # Before, the slow one might be the one that finds no room, and all that come after it would have some.
        pipeline.wait_for(lambda: running.metric("pulse_collector_held_bytes") == 900_000, lambda: running.log)
        large = json.dumps(event(1)).encode() + b" " * 900_000
        busy = running.post(large)
        refusal(busy, "busy")
        assert int(busy.headers["retry-after"]) >= 1
        assert running.post(event(2)).status == 202, "a small one has room"
    pipeline.wait_for(lambda: running.post(large).status == 202, lambda: running.log)
    assert running.metric("pulse_collector_held_bytes") == 0
    assert running.metric('pulse_collector_requests_total{code="busy"}') == 1


def test_connections_beyond_the_limit_get_503_and_are_counted(pipeline: Pipeline) -> None:
    running = Running(pipeline, connections=10)
    idle = [socket.create_connection((HOST, running.port), timeout=30) for _ in range(12)]
    pipeline.wait_for(lambda: running.post(event(1)).status == 503, lambda: running.log)
    assert running.metric('pulse_collector_connections_refused_total{reason="too_many_connections"}') >= 1
    for connection in idle:
        connection.close()
    pipeline.wait_for(lambda: running.post(event(1)).status == 202, lambda: running.log)
