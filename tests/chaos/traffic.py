"""Visitors' events for the campaign, from a thread of its own, and the exact list of what Kafka acknowledged.

The simulator's visitors with late, repeated, disordered and malformed records; to these come events without an id, ids
that come back with other content, and events that only the database refuses. Every record carries its number in a
header.
"""

from __future__ import annotations

import json
import threading
import time
from random import Random

from confluent_kafka import KafkaError, Message, Producer

from pulse.adapters import kafka
from pulse.settings import KafkaSettings
from pulse_simulator import faults
from pulse_simulator.faults import Shares
from pulse_simulator.live import Live
from pulse_simulator.model import Shop
from pulse_simulator.records import MALFORMED, REPEATED, Record, Scribe

NUMBER_HEADER = "chaos.number"
SHARES = Shares(late=0.03, duplicate=0.04, disorder=0.05, malformed=0.01)
USERS = 2_000
TICK_SECONDS = 0.05
WITHOUT_ID = 0.1
OTHER_CONTENT = 0.02
REFUSED = 0.002
REFUSED_PAGE = "/refused"  # what the contract takes and the run's database does not
FLUSH_SECONDS = 120.0


class Traffic:
    """Sends `rate` events a second from construction until `close`, but not while it is paused."""

    def __init__(self, settings: KafkaSettings, topic: str, seed: int, rate: float) -> None:
        self._topic = topic
        self._rate = rate
        self._rng = Random(f"{seed}:traffic")
        self._live = Live(Scribe(Shop(seed), USERS, SHARES), SHARES, seed, USERS, rate)
        self._producer = Producer({**kafka.producer_config(settings, linger_ms=5, message_timeout_ms=0), **kafka.QUIET})
        self._lock = threading.Lock()
        self._sent = 0
        self._broken = 0
        self.acknowledged: list[int] = []
        self.failures: list[str] = []
        self.clock_ahead_ms = 0  # how wrong the producer's clock is
        self._flowing = threading.Event()
        self._flowing.set()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Returns once everything that was sent is acknowledged; nothing is sent before `resume`."""
        self._flowing.clear()
        with self._lock:
            waiting = self._producer.flush(FLUSH_SECONDS)
        assert waiting == 0, f"{waiting} records were not acknowledged within {FLUSH_SECONDS:.0f} s"

    def resume(self) -> None:
        self._flowing.set()

    def flood(self, count: int) -> None:
        """So many malformed records at once, of every kind in turn."""
        good = b'{"event_type":"page_view","user_id":"flood","timestamp":"2026-01-02T03:04:05Z"}'
        with self._lock:
            for _ in range(count):
                self._broken += 1
                self._send(b"flood-%d" % (self._broken % 50), faults.malformed(self._broken, good), self._now_ms())

    def close(self) -> None:
        """Ends the thread; everything that was sent is acknowledged then."""
        self._ended = True
        self.resume()
        self._thread.join(FLUSH_SECONDS)
        self.pause()

    def _run(self) -> None:
        due = 0.0
        while not self._ended:
            time.sleep(TICK_SECONDS)
            if not self._flowing.is_set():
                continue
            due = min(due + self._rate * TICK_SECONDS, self._rate)
            with self._lock:
                now_ms = self._now_ms()
                for record in self._live.records(now_ms, int(due)):
                    self._send_varied(record, now_ms)
                self._producer.poll(0)
            due -= int(due)

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_ahead_ms

    def _send_varied(self, record: Record, now_ms: int) -> None:
        _, key, value, what, *_ = record
        if what in (MALFORMED, REPEATED) or value is None:
            self._send(key, value, now_ms)
        elif self._rng.random() < REFUSED:
            self._send(key, json.dumps({**json.loads(value), "page": REFUSED_PAGE}).encode(), now_ms)
        elif self._rng.random() < WITHOUT_ID:
            document = json.loads(value)
            del document["event_id"]
            self._send(key, json.dumps(document).encode(), now_ms)
        else:
            self._send(key, value, now_ms)
            if self._rng.random() < OTHER_CONTENT:
                self._send(key, json.dumps({**json.loads(value), "page": "/another"}).encode(), now_ms)

    def _send(self, key: bytes, value: bytes | None, now_ms: int) -> None:
        number = self._sent
        self._sent += 1

        def noted(error: KafkaError | None, _message: Message[bytes, bytes]) -> None:
            if error is None:
                self.acknowledged.append(number)
            else:
                self.failures.append(f"record {number}: {error.str()}")

        self._producer.produce(
            self._topic,
            value=value,
            key=key,
            headers=[(NUMBER_HEADER, str(number).encode())],
            timestamp=now_ms,
            on_delivery=noted,
        )
