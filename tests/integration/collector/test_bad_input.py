"""Bad input: each gets its own answer, is counted under its own name, and costs no good event."""

from __future__ import annotations

import json
import socket
from collections import Counter
from datetime import UTC, datetime

import pytest
from kit.collector import EVENTS, JSON, Running, event, ids_of, in_topic, resident_kib
from kit.junk import GZIP, Junk, bomb, junk, many_keys
from kit.pipeline import Pipeline

from pulse_collector.refusals import REFUSALS
from pulse_local.ports import HOST

pytestmark = pytest.mark.integration


def answered(running: Running, name: str, one: Junk) -> None:
    """The answer is the one that it has to be."""
    reply = running.request("POST", EVENTS, one.body, one.headers)
    if one.rejected:
        assert reply.status == 202, (name, reply)
        assert [told["code"] for told in reply.told["rejected"]] == [one.rejected], (name, reply)
        assert reply.told["accepted"] == 0
    else:
        assert (reply.status, reply.code) == (REFUSALS[one.code][0], one.code), (name, reply)


def test_every_kind_of_junk_gets_its_answer_and_is_counted_and_the_events_between_are_stored(
    pipeline: Pipeline,
) -> None:
    running = Running(pipeline, rate=0.0)
    before = resident_kib(running)
    kinds = junk()
    for number, (name, one) in enumerate(kinds.items()):
        answered(running, name, one)
        assert running.post(event(number)).status == 202, f"after {name}"
    assert resident_kib(running) - before < 60_000
    codes = Counter(one.code for one in kinds.values())
    for code, count in codes.items():
        expected = count + len(kinds) if code == "ok" else count
        assert running.metric(f'pulse_collector_requests_total{{code="{code}"}}') == expected, code
    for code, count in Counter(one.rejected for one in kinds.values() if one.rejected).items():
        assert running.metric(f'pulse_collector_rejected_events_total{{code="{code}"}}') == count, code
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    sums = pipeline.sums()
    assert (sums["inserted"], sums["dead"]) == (len(kinds), sum(bool(one.rejected) for one in kinds.values()))
    assert Counter(pipeline.rows("select reason from raw.dead_letters")) == Counter(
        (one.rejected,) for one in kinds.values() if one.rejected
    )


def test_with_the_largest_limits_a_bomb_and_a_million_keys_fill_no_memory_for_long(pipeline: Pipeline) -> None:
    running = Running(
        pipeline, rate=0.0, reject_rate=0.0, request_bytes=16 * 1024 * 1024, unpacked_bytes=64 * 1024 * 1024
    )
    for _ in range(3):
        answered(running, "a bomb", Junk(bomb(500), GZIP, "unpacked_too_large"))
        answered(running, "a million keys", Junk(many_keys(1_000_000), JSON, rejected="event_too_large"))
        assert running.post(event(1)).status == 202
    assert resident_kib(running) < 400_000


def test_an_old_or_future_event_with_the_senders_clock_beside_it_is_set_right(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    for number, year in enumerate((1970, 2099)):
        moment = f"{year}-06-01T12:00:00Z"
        told = running.post({"sent_at": moment, "batch": [event(number, timestamp=moment)]}).told
        assert told == {"accepted": 1, "rejected": []}
    for record in in_topic(pipeline):
        happened = datetime.fromisoformat(json.loads(record.value() or b"")["timestamp"])
        assert abs((datetime.now(UTC) - happened).total_seconds()) < 600


INJECTIONS = {
    "a line in the origin": b"Origin: https://shop.example\rX-Injected: 1\r\n",
    "a line in the key": b"X-Pulse-Key: shop-key-1\nX-Injected: 1\r\n",
    "a NUL in the key": b"X-Pulse-Key: shop\0key\r\n",
    "a folded line": b"Origin: https://shop.example\r\n X-Injected: 1\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 200\r\n",
    "a length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
}


@pytest.mark.parametrize("name", INJECTIONS)
def test_no_header_can_be_injected_into_the_answer_or_a_request_smuggled_in(pipeline: Pipeline, name: str) -> None:
    running = Running(pipeline, origins="https://shop.example", cookie="readable")
    head = b"POST /v1/events?cookie=1 HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n" + INJECTIONS[name]
    if b"Length" not in head:
        head += b"Content-Length: 2\r\n"
    with socket.create_connection((HOST, running.port), timeout=30) as client:
        client.sendall(head + b"\r\n{}")
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.split()[1] in (b"400", b"401", b"403")
    assert b"injected" not in answer.lower()
    assert in_topic(pipeline) == []


def test_what_stands_in_a_url_or_an_event_gets_into_no_header(pipeline: Pipeline) -> None:
    running = Running(pipeline, cookie="readable")
    lines = "%0d%0aX-Injected:%201"
    for reply in (
        running.post(event(1, anonymous_id="a\r\nX-Injected: 1" + "x" * 20), path=f"{EVENTS}?cookie=1&key={lines}"),
        running.request("GET", f"/v1/p.gif?cookie=1&anonymous_id={lines}&user_id=u"),
        running.request("GET", f"/v1/{lines}"),
    ):
        assert "x-injected" not in reply.headers
        assert "set-cookie" not in reply.headers
    rejected = running.post({**event(2), "price\r\nX-Injected": 1, "metadata": {"price": "a\r\nb"}})
    assert [one["code"] for one in rejected.told["rejected"]] == ["wrong_type"]


def test_a_batch_that_is_replayed_is_stored_once(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    body = {"sent_at": datetime.now(UTC).isoformat(), "batch": [event(number) for number in range(50)]}
    for _ in range(20):
        assert running.post(body).told["accepted"] == 50
    assert len(set(ids_of(in_topic(pipeline)))) == 50
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    sums = pipeline.sums()
    assert (sums["inserted"], sums["duplicate"], sums["conflict"]) == (50, 950, 0)
