"""The client before a server that answers as it is told."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pulse_client import Client, CollectorUnavailable, EventsRefused, QueueFull, event, uuid7
from pulse_client.transport import wait_seconds

Answer = tuple[int, dict[str, Any], dict[str, str]]
TAKEN: Answer = (202, {"rejected": []}, {})


class Collector:
    """Answers each request with the next of `answers`, and with 202 when there is none left."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any], int]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, told, headers = outer.answers.pop(0) if outer.answers else TAKEN
                outer.requests.append((dict(self.headers), body, status))
                said = json.dumps(told).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(said))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def taken(self) -> list[dict[str, Any]]:
        return [one for _, body, status in self.requests if status == 202 for one in body["batch"]]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def payments(count: int) -> list[dict[str, Any]]:
    return [event("payment", "u", metadata={"price": number}) for number in range(count)]


def test_an_id_is_a_uuid_of_version_7_and_ids_sort_by_time() -> None:
    first, second = uuid.UUID(uuid7()), uuid.UUID(uuid7())
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 <= second.int >> 80


def test_what_send_returns_from_is_stored(collector: Collector) -> None:
    made = payments(250)
    with Client(collector.address, "a-key") as client:
        client.send(*made)
    assert collector.taken == made
    headers, body, _ = collector.requests[0]
    assert (headers["X-Pulse-Key"], headers["User-Agent"].split("/")[0]) == ("a-key", "pulse-python")
    assert "sent_at" in body


def test_a_failure_is_tried_again_with_the_same_events(collector: Collector) -> None:
    collector.answers = [(503, {}, {}), (429, {}, {"Retry-After": "0.2"}), (408, {}, {})]
    (made,) = payments(1)
    Client(collector.address).send(made)
    assert [status for _, _, status in collector.requests] == [503, 429, 408, 202]
    assert {json.dumps(body["batch"]) for _, body, _ in collector.requests} == {json.dumps([made])}


def test_a_collector_that_is_away_for_too_long_is_told() -> None:
    with pytest.raises(CollectorUnavailable, match="not stored in time"):
        Client("http://127.0.0.1:9").send(*payments(1), within_seconds=0.3)


@pytest.mark.parametrize("status", [400, 401, 403, 413, 422])
def test_what_no_retry_can_cure_is_told_at_once(collector: Collector, status: int) -> None:
    collector.answers = [(status, {"code": "x", "reason": "because"}, {})]
    with pytest.raises(EventsRefused, match=f"{status}: because"):
        Client(collector.address).send(*payments(1))
    assert len(collector.requests) == 1


def test_a_rejected_event_is_named(collector: Collector) -> None:
    collector.answers = [(202, {"accepted": 1, "rejected": [{"i": 1, "code": "missing_field"}]}, {})]
    with pytest.raises(EventsRefused) as told:
        Client(collector.address).send(*payments(2))
    assert told.value.rejected == [{"i": 1, "code": "missing_field"}]


def test_tracked_events_are_sent_in_batches_and_in_order_through_an_outage(collector: Collector) -> None:
    collector.answers = [(503, {}, {}), TAKEN, (500, {}, {})]
    made = payments(350)
    with Client(collector.address) as client:
        for one in made:
            client.track(one)
    assert collector.taken == made
    assert all(len(body["batch"]) <= 100 for _, body, _ in collector.requests)


def test_tracked_events_that_are_refused_are_handed_back_and_stop_no_others(collector: Collector) -> None:
    collector.answers = [(202, {"rejected": [{"i": 1, "code": "x"}]}, {}), (400, {"reason": "bad"}, {})]
    made = payments(300)
    lost: list[dict[str, Any]] = []

    def refused(events: Any, _why: EventsRefused) -> None:
        lost.extend(events)
        raise RuntimeError("a callback that fails")

    with Client(collector.address, on_refused=refused) as client:
        for one in made:
            client.track(one)
        client.flush()
        assert lost == [made[1], *made[100:200]]
        assert client.refused == 101


def test_a_queue_that_is_full_says_so_and_loses_nothing_that_it_took() -> None:
    client = Client("http://127.0.0.1:9", queue_events=2)
    for one in payments(2):
        client.track(one)
    with pytest.raises(QueueFull):
        client.track(event("payment", "u"))
    with pytest.raises(CollectorUnavailable, match="2 events still wait"):
        client.close(within_seconds=0.1)
    with pytest.raises(QueueFull, match="closed"):
        client.track(event("payment", "u"))


@pytest.mark.parametrize("address", ["", "shop.example", "ftp://shop.example", "http://"])
def test_an_address_that_is_none_is_told_when_the_client_is_made(address: str) -> None:
    with pytest.raises(ValueError, match="no address of a collector"):
        Client(address)


def test_waits_grow_and_are_bounded() -> None:
    assert [wait_seconds(tries, 1) for tries in (0, 1, 5, 9, 1000)] == [1, 2, 32, 360, 360]
    assert wait_seconds(0, 0) == 0.5
