"""The collector before a real broker: what it answered with 202 is there, what it refused is told and counted."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from kit.collector import EVENTS, JSON, Reply, Running, asked, event, ids_of, in_topic
from kit.guardian import Guardian
from kit.pipeline import Pipeline

from pulse import cli
from pulse.adapters import kafka
from pulse.plan import plan
from pulse.settings import CollectorSettings, DatabaseSettings, LogSettings
from pulse_client import Client
from pulse_client import event as payment
from pulse_collector.refusals import REFUSALS
from pulse_consumer.migrate import migrate
from pulse_local import ports
from pulse_local.paths import Paths
from pulse_local.ports import HOST
from pulse_local.services import kafka as kafka_service

pytestmark = pytest.mark.integration

PAGE = "https://shop.example"
KEYS = "shop:shop-key-1,junk:junk-key-1"


class Load:
    """Threads that post small batches, each again and again until it is answered with 202 or told to end."""

    def __init__(self, running: Running, threads: int = 4, batch: int = 5) -> None:
        self._running, self._batch = running, batch
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self, thread: int) -> None:
        number = thread * 10_000_000
        connection = self._running.connection()
        events: list[dict[str, Any]] = []
        while not self._stop.is_set():
            events = events or [event(number + place) for place in range(self._batch)]
            try:
                reply = asked(connection, "POST", EVENTS, json.dumps({"batch": events}).encode(), JSON)
            except (OSError, HTTPException):
                connection.close()
                time.sleep(0.01)
                continue
            self.statuses.add(reply.status)
            if reply.status == 202:
                self.acknowledged += [one["event_id"] for one in events]
                number, events = number + self._batch, []
        connection.close()

    def end(self) -> None:
        """Nothing is sent any more once it returns."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def refusal(reply: Reply, code: str) -> None:
    """The reply is this refusal, with all that belongs to it."""
    assert (reply.status, reply.code) == (REFUSALS[code][0], code), reply
    assert reply.told["reason"]


# -- accounting ----------------------------------------------------------------------------------------------------


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


# -- refusals ------------------------------------------------------------------------------------------------------


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


def resident_kib(running: Running) -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


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


def test_a_head_without_end_is_hung_up_on(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    taken = 0
    with socket.create_connection((HOST, running.port), timeout=30) as client, suppress(OSError):
        client.sendall(b"GET / HTTP/1.1\r\n")
        for number in range(100_000):
            taken += client.send(b"x-%d: %s\r\n" % (number, b"y" * 1_000))
    assert taken < 20_000_000, "what buffers hold, and no more"
    assert running.post(event(1)).status == 202


def test_what_is_not_http_gets_400(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    for junk in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST /v1/events HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection((HOST, running.port), timeout=30) as client:
            client.sendall(junk)
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")
    assert running.post(event(1)).status == 202


# -- keys, origins, rates --------------------------------------------------------------------------------------------


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


def test_junk_of_one_key_is_told_to_wait_and_does_not_slow_another(pipeline: Pipeline) -> None:
    running = Running(pipeline, keys=KEYS, rate=200.0)
    stop = threading.Event()
    seen: set[int] = set()

    def junk() -> None:
        connection = running.connection()
        while not stop.is_set():
            reply = asked(connection, "POST", EVENTS, b"{" * 50, {**JSON, "X-Pulse-Key": "junk-key-1"})
            seen.add(reply.status)
            if reply.status == 429:
                assert 1 <= int(reply.headers["retry-after"]) <= 5
        connection.close()

    threads = [threading.Thread(target=junk, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    took = []
    for number in range(100):
        began = time.monotonic()
        assert running.post(event(number), X_Pulse_Key="shop-key-1").status == 202
        took.append(time.monotonic() - began)
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    assert seen == {400, 429}
    assert sorted(took)[50] < 0.25
    assert len(in_topic(pipeline)) == 100


# -- stops and outages -----------------------------------------------------------------------------------------------


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


def test_a_collector_that_is_to_stop_is_unready_first(pipeline: Pipeline) -> None:
    running = Running(pipeline, stop_delay=timedelta(seconds=2))
    assert running.health("/readyz") == (200, "ok\n")
    os.kill(running.process.pid, signal.SIGTERM)
    pipeline.wait_for(lambda: running.health("/readyz")[0] == 503, lambda: "still ready")
    assert running.post(event(1)).status == 202
    assert running.process.wait(30) == 0


class OwnKafka:
    """A broker of this test's own, which may be killed and started again with what it had."""

    def __init__(self, home: Path, jars: list[Path], guardian: Guardian) -> None:
        self._home, self._jars, self._guardian = home, jars, guardian
        self._ports = ports.free_port(), ports.free_port()
        self.running = self.start()

    def start(self) -> kafka_service.Broker:
        self.running = kafka_service.start(
            self._home / "own-kafka",
            self._home / "own-kafka.log",
            self._jars,
            *self._ports,
            on_start=self._guardian.watch,
        )
        return self.running

    def kill(self) -> None:
        os.kill(self.running.process.pid, signal.SIGKILL)


@pytest.fixture
def own(
    server_paths: Paths, kafka_jars: list[Path], guardian: Guardian, database: DatabaseSettings, tmp_path: Path
) -> Iterator[tuple[OwnKafka, Pipeline]]:
    """A pipeline on a broker of its own."""
    home = tmp_path / "home"
    home.mkdir()
    broker = OwnKafka(home, kafka_jars, guardian)
    topics = plan(f"t{uuid.uuid4().hex[:12]}")
    kafka.create_topics(kafka.admin(broker.running.settings), topics.topics)
    migrate(database.dsn, topics.pipeline)
    logs = tmp_path / "logs"
    logs.mkdir()
    made = Pipeline(broker.running.settings, database, database, database, topics, logs)
    yield broker, made
    made.close()
    with suppress(ProcessLookupError):
        kafka_service.stop(broker.running.process)


def test_without_kafka_nothing_is_claimed_and_with_it_again_everything_is_taken(own: tuple[OwnKafka, Pipeline]) -> None:
    broker, pipeline = own
    running = Running(pipeline, rate=0.0, ack_timeout=timedelta(seconds=3))
    load = Load(running)
    pipeline.wait_for(lambda: len(load.acknowledged) > 1_000, lambda: load.statuses)
    broker.kill()
    pipeline.wait_for(lambda: 503 in load.statuses, lambda: load.statuses)
    pipeline.wait_for(lambda: running.health("/readyz")[0] == 503, lambda: "ready without Kafka")
    began = time.monotonic()
    refused = running.post(event(9_999_999))
    refusal(refused, "kafka_unavailable")
    assert time.monotonic() - began < 1, "it is told at once while Kafka is known to be away"
    assert int(refused.headers["retry-after"]) >= 1
    assert running.health("/livez")[0] == 200, "another process would not find Kafka either"
    assert running.metric("pulse_collector_kafka_up") == 0
    before = len(load.acknowledged)
    broker.start()
    pipeline.wait_for(lambda: len(load.acknowledged) > before + 1_000, lambda: load.statuses)
    load.end()
    assert running.health("/readyz")[0] == 200
    assert running.stop() == 0
    assert load.statuses == {202, 503}
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    stored = {str(one) for (one,) in pipeline.rows("select event_id from raw.events")}
    assert set(load.acknowledged) <= stored
    sums = pipeline.sums()
    assert (sums["conflict"], sums["dead"]) == (0, 0)
    assert sums["inserted"] == len(stored)


def test_a_collector_that_starts_before_kafka_waits_for_it(own: tuple[OwnKafka, Pipeline]) -> None:
    broker, pipeline = own
    broker.kill()
    running = Running(pipeline)
    refusal(running.post(event(1)), "kafka_unavailable")
    broker.start()
    pipeline.wait_for(lambda: running.health("/readyz")[0] == 200, lambda: running.log)
    assert running.post(event(1)).status == 202


def test_a_topic_that_is_missing_stops_the_start_and_says_so(pipeline: Pipeline) -> None:
    settings = CollectorSettings(pipeline.kafka, LogSettings(), "no-such-topic", port=0, health_port=0)
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_collector"], settings.to_env()))
    assert code == cli.STOPPED
    assert "no-such-topic" in said
    assert "PULSE_EVENTS_TOPIC" in said


def test_a_port_that_is_taken_stops_the_start_and_says_so(pipeline: Pipeline) -> None:
    port = Running(pipeline).port
    settings = CollectorSettings(
        pipeline.kafka, LogSettings(), pipeline.plan.events.name, host=HOST, port=port, health_port=0
    )
    code, said = pipeline.end_of(pipeline.start(["-m", "pulse_collector"], settings.to_env()))
    assert code == cli.STOPPED
    assert "PULSE_COLLECTOR_PORT" in said
