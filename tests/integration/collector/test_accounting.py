"""What the collector answered with 202 is in the topic and in Postgres once; what it refused is told and counted."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
from kit.collector import Running, event, ids_of, in_topic, refusal
from kit.pipeline import Pipeline

from pulse_client import Client
from pulse_client import event as payment
from pulse_local.ports import HOST

pytestmark = pytest.mark.integration


KEYS = "shop:shop-key-1,junk:junk-key-1"


def test_what_was_sent_is_acknowledged_and_in_the_topic_and_in_postgres_once(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    singles = [event(number) for number in range(20)]
    batch = [event(number) for number in range(100, 400)]
    for one in singles:
        assert running.post(one).told == {"accepted": 1, "rejected": []}
    packed = gzip.compress(json.dumps({"sent_at": datetime.now(UTC).isoformat(), "batch": batch}).encode())
    assert running.post(packed, Content_Encoding="gzip").told == {"accepted": 300, "rejected": []}
    later = {"sent_at": datetime.now(UTC).isoformat(), "batch": batch[:50]}  # its first answer got lost on the way
    assert running.post(later, Content_Type="text/plain;charset=UTF-8").status == 202
    records = in_topic(pipeline)
    assert sorted(ids_of(records)) == sorted(one["event_id"] for one in [*singles, *batch, *batch[:50]])
    assert all(record.key() == json.loads(record.value() or b"")["user_id"].encode() for record in records)
    assert running.metric('pulse_collector_events_total{key="anybody",outcome="accepted"}') == 370
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.sums() == {"read": 370, "inserted": 320, "duplicate": 50, "conflict": 0, "dead": 0, "skipped": 0}
    assert running.stop() == 0


def test_a_rejected_event_is_a_dead_letter_with_its_bytes_and_stops_no_other(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    bad = [
        b'{"event_type": "Page View"}',
        json.dumps(event(4)).encode().replace(b"user-4", b"\xff"),
        b"  [1]",
        json.dumps(event(3, timestamp="2099-01-01")).encode(),
    ]
    body = b'{"batch": [' + b",".join([json.dumps(event(1)).encode(), *bad, json.dumps(event(2)).encode()]) + b"]}"
    reply = running.post(body)
    assert reply.status == 202
    assert reply.told["accepted"] == 2
    assert [(one["i"], one["code"]) for one in reply.told["rejected"]] == [
        (1, "missing_field"),
        (2, "not_utf8"),
        (3, "not_an_object"),
        (4, "invalid_timestamp"),
    ]
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    letters = pipeline.rows("select value, class, reason from raw.dead_letters")
    assert sorted(bytes(value).strip() for value, _, _ in letters) == sorted(one.strip() for one in bad)
    assert {name for _, name, _ in letters} == {"rejected_by_collector"}
    assert {reason for _, _, reason in letters} == {"missing_field", "not_utf8", "not_an_object", "invalid_timestamp"}
    assert pipeline.sums()["inserted"] == 2


def test_more_rejected_events_than_one_key_may_have_are_counted_and_not_stored(pipeline: Pipeline) -> None:
    running = Running(pipeline, keys=KEYS, reject_rate=10.0)
    junk = {"batch": [{"n": number} for number in range(200)]}
    told = running.post(junk, X_Pulse_Key="junk-key-1").told
    assert (told["accepted"], len(told["rejected"]), told["unrecorded"]) == (0, 200, 180)
    told = running.post({"batch": [{"n": 1}, event(1)]}, X_Pulse_Key="shop-key-1").told
    assert (told["accepted"], "unrecorded" in told) == (1, False)
    assert len(in_topic(pipeline)) == 20 + 2
    assert running.metric('pulse_collector_events_total{key="junk",outcome="unrecorded"}') == 180
    assert running.metric('pulse_collector_events_total{key="junk",outcome="rejected"}') == 20


def test_a_rejected_event_too_large_for_the_topic_is_told_and_is_in_nobodys_way(pipeline: Pipeline) -> None:
    running = Running(pipeline, request_bytes=16 * 1024 * 1024, unpacked_bytes=16 * 1024 * 1024)
    large = event(1, page="p" * (13 * 1024 * 1024))
    told = running.post({"batch": [large, event(2), event(3, page="p" * 100_000)]}).told
    assert (told["accepted"], told["unrecorded"]) == (1, 1)
    assert [one["code"] for one in told["rejected"]] == ["event_too_large"] * 2
    assert running.health("/readyz")[0] == 200
    assert len(in_topic(pipeline)) == 2


def test_what_a_server_sends_with_the_client_is_stored_and_is_no_bot(pipeline: Pipeline) -> None:
    running = Running(pipeline, keys=KEYS)
    with Client(f"http://{HOST}:{running.port}", "shop-key-1") as client:
        client.send(*(payment("payment", "u", metadata={"price": 9.5}) for _ in range(150)))
        client.track(payment("payment", "u"))
    records = in_topic(pipeline)
    assert len(set(ids_of(records))) == 151
    assert all(json.loads(record.value() or b"")["properties"]["context"]["is_bot"] is False for record in records)


def test_the_pixel_is_an_event(pipeline: Pipeline) -> None:
    running = Running(pipeline, keys=KEYS)
    found = running.request("GET", "/v1/p.gif?key=shop-key-1&user_id=u%201&event_type=product_view&product_id=7")
    assert (found.status, found.headers["content-type"], found.body[:6]) == (200, "image/gif", b"GIF89a")
    assert "no-store" in found.headers["cache-control"]
    (record,) = in_topic(pipeline)
    assert json.loads(record.value() or b"")["metadata"] == {"product_id": "7"}
    refusal(running.request("GET", "/v1/p.gif?user_id=u"), "unknown_key")
    refusal(running.request("GET", "/v1/p.gif?key=shop-key-1&user_id=u&price=x"), "invalid_query")
    assert running.request("GET", "/v1/p.gif?key=shop-key-1").status == 422


def test_addresses_are_kept_only_if_asked_for_and_only_the_network(pipeline: Pipeline) -> None:
    for address in ("none", "truncated"):
        running = Running(pipeline, address=address, proxies=1)
        assert running.post(event(1), X_Forwarded_For="6.6.6.6, 203.0.113.77").status == 202
        assert running.stop() == 0
    assert [b"203.0.113.0" in (record.value() or b"") for record in in_topic(pipeline)] == [False, True]
    assert not any(b"203.0.113.77" in (record.value() or b"") for record in in_topic(pipeline))
