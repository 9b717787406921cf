"""Who may send: write keys, and pages of listed origins."""

from __future__ import annotations

import pytest
from kit.collector import EVENTS, Running, event, in_topic, refusal
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration


PAGE = "https://shop.example"
KEYS = "shop:shop-key-1,junk:junk-key-1"


def test_a_key_is_a_header_or_in_the_query(pipeline: Pipeline) -> None:
    running = Running(pipeline, keys=KEYS)
    assert running.post(event(1), X_Pulse_Key="shop-key-1").status == 202
    assert running.post(event(2), path=f"{EVENTS}?key=shop-key-1").status == 202
    for wrong in (
        running.post(event(3)),
        running.post(event(3), X_Pulse_Key="shop-key-2"),
        running.post(event(3), path=f"{EVENTS}?key="),
    ):
        refusal(wrong, "unknown_key")
    assert len(in_topic(pipeline)) == 2
    assert "shop-key-1" not in running.log
    assert running.metric('pulse_collector_events_total{key="shop",outcome="accepted"}') == 2


def test_pages_of_listed_origins_may_send_and_read_the_answer_and_others_may_not(pipeline: Pipeline) -> None:
    running = Running(pipeline, origins=f"{PAGE},http://localhost:8080")
    for origin in (PAGE, "http://localhost:8080"):
        preflight = running.request(
            "OPTIONS", EVENTS, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == origin
        assert preflight.headers["access-control-max-age"] == "3600"
        assert "content-type" in preflight.headers["access-control-allow-headers"]
        reply = running.post(event(1), Origin=origin)
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (202, origin)
        refused = running.post(b"{", Origin=origin)
        assert refused.headers["access-control-allow-origin"] == origin, "a page can read why"
    for origin in ("https://evil.example", "null", f"{PAGE}.evil.example", PAGE.upper()):
        for reply in (
            running.post(event(2), Origin=origin),
            running.request("OPTIONS", EVENTS, headers={"Origin": origin}),
        ):
            refusal(reply, "origin_not_allowed")
            assert "access-control-allow-origin" not in reply.headers
            assert reply.headers["vary"] == "Origin"
    assert len(in_topic(pipeline)) == 2
