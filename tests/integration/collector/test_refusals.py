"""Requests that are refused as a whole: each by its own status and code, and nothing of them is stored."""

from __future__ import annotations

import gzip

import pytest
from kit.collector import EVENTS, Running, event, in_topic, refusal
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration


def test_every_limit_has_its_status_and_nothing_of_the_request_is_stored(pipeline: Pipeline) -> None:
    running = Running(pipeline, request_bytes=2_000, unpacked_bytes=3_000, batch_events=5)
    refusal(running.post(b"{"), "invalid_json")
    refusal(running.post(b"[1]"), "not_an_object")
    refusal(running.post(b'{"a": "\xff"}' + b"}"), "not_utf8")
    refusal(running.post(b""), "empty_body")
    refusal(running.post({"batch": 1}), "invalid_batch")
    refusal(running.post({"batch": [], "sent_at": "x"}), "invalid_sent_at")
    refusal(running.post({"batch": [event(n, user_id="u") for n in range(6)]}), "too_many_events")
    refusal(running.post(event(1, page="p" * 2_000)), "request_too_large")
    refusal(running.post(gzip.compress(bytes(3_001)), Content_Encoding="gzip"), "unpacked_too_large")
    refusal(running.post(event(1), Content_Encoding="gzip"), "bad_gzip")
    refusal(running.post(event(1), Content_Encoding="br"), "unsupported_encoding")
    refusal(running.post(event(1), Content_Type="application/xml"), "unsupported_type")
    refusal(running.post(event(1), Content_Type="text/plain; charset=utf-16"), "unsupported_type")
    refusal(running.request("POST", EVENTS, b"{}"), "unsupported_type")
    refusal(running.post(event(1), path="/v1/other"), "not_found")
    wrong = running.request("GET", EVENTS)
    refusal(wrong, "method_not_allowed")
    assert wrong.headers["allow"] == "POST, OPTIONS"
    assert in_topic(pipeline) == []
    assert running.metric('pulse_collector_requests_total{code="invalid_json"}') == 1
    assert running.post(event(1)).status == 202


def test_robots_are_told_to_stay_away(pipeline: Pipeline) -> None:
    assert b"Disallow: /" in Running(pipeline).request("GET", "/robots.txt").body
