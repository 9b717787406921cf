"""The cookie that knows visitors again: only for pages that ask, of browsers that do not say no."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from kit.collector import EVENTS, JSON, Reply, Running, event, in_topic, refusal
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration

PAGE = "https://shop.example"
VISITOR = "018f4e3a-7c1b-7abc-8def-0123456789ab"
ASKS = f"{EVENTS}?cookie=1"


def cookie(reply: Reply) -> str | None:
    return reply.headers.get("set-cookie")


def of_visitor(number: int, **fields: Any) -> dict[str, Any]:
    return event(number, anonymous_id=VISITOR, **fields)


def test_the_tracker_gets_the_cookie_of_its_own_visitor_and_may_read_it(pipeline: Pipeline) -> None:
    running = Running(pipeline, cookie="readable", cookie_domain="shop.example", origins=PAGE)
    reply = running.post({"batch": [event(1), of_visitor(2)]}, path=ASKS, Origin=PAGE)
    assert reply.status == 202
    assert cookie(reply) == f"pulse_id={VISITOR}; Max-Age=34128000; Path=/; SameSite=Lax; Secure; Domain=shop.example"
    assert reply.headers["access-control-allow-credentials"] == "true"
    forgotten = running.request("POST", "/v1/forget", b"", {"Origin": PAGE})
    assert (forgotten.status, "Max-Age=0" in (cookie(forgotten) or "")) == (204, True)
    refusal(running.request("POST", "/v1/forget", b"", {"Origin": "https://evil.example"}), "origin_not_allowed")


def test_without_consent_nobody_gets_it(pipeline: Pipeline) -> None:
    running = Running(pipeline, cookie="readable", origins=PAGE)
    denied = {"properties": {"context": {"consent": "denied"}}}
    for reply in (
        running.post(of_visitor(1)),
        running.post(of_visitor(2), path=ASKS, Sec_GPC="1"),
        running.post(of_visitor(3), path=ASKS, DNT="1"),
        running.post(of_visitor(4, **denied), path=ASKS),
        running.post(of_visitor(5), path=ASKS, Sec_Fetch_Site="cross-site"),
        running.post(event(6), path=ASKS),
        running.post(event(7, anonymous_id=f"{VISITOR[:-4]}\r\nX: "), path=ASKS),
    ):
        assert (reply.status, cookie(reply)) == (202, None)
    refused = running.post(of_visitor(8), path=ASKS, Origin="https://evil.example")
    assert (refused.status, cookie(refused)) == (403, None)
    assert len(in_topic(pipeline)) == 7
    assert cookie(running.post(of_visitor(9), path=ASKS)) is not None


def test_it_is_off_by_default(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    assert cookie(running.post(of_visitor(1), path=ASKS)) is None
    assert cookie(running.request("GET", f"/v1/p.gif?cookie=1&anonymous_id={VISITOR}")) is None


def test_a_page_without_script_knows_its_visitor_by_a_cookie_that_no_script_reads(pipeline: Pipeline) -> None:
    running = Running(pipeline, cookie="http-only")
    first = running.request("GET", "/v1/p.gif?cookie=1")
    given = cookie(first) or ""
    assert given.endswith("; Max-Age=34128000; Path=/; SameSite=Lax; Secure; HttpOnly")
    visitor = given.partition(";")[0].removeprefix("pulse_id=")
    assert uuid.UUID(visitor).version == 7
    again = running.request("GET", "/v1/p.gif?cookie=1", headers={"Cookie": f"a=b; pulse_id={visitor}"})
    assert (again.status, cookie(again)) == (200, given)
    records = [json.loads(record.value() or b"") for record in in_topic(pipeline)]
    assert [(one["user_id"], one["anonymous_id"]) for one in records] == [(visitor, visitor)] * 2
    assert cookie(running.post(of_visitor(1), path=ASKS)) is None, "the tracker could not read it"


def test_a_pixel_of_a_browser_that_says_no_stores_nothing(pipeline: Pipeline) -> None:
    running = Running(pipeline, cookie="http-only")
    for signal in ({"Sec-GPC": "1"}, {"DNT": "1"}):
        reply = running.request("GET", "/v1/p.gif?cookie=1", headers={**signal, "Cookie": f"pulse_id={VISITOR}"})
        assert (reply.status, reply.body[:3], cookie(reply)) == (200, b"GIF", None)
    assert in_topic(pipeline) == []
    assert running.metric('pulse_collector_requests_total{code="opted_out"}') == 2
    assert running.request("POST", EVENTS, json.dumps(of_visitor(1)).encode(), {**JSON, "DNT": "1"}).status == 202
