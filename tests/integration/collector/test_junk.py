"""Junk of one sender, and the good events of another."""

from __future__ import annotations

import threading
import time

import pytest
from kit.collector import EVENTS, JSON, Running, asked, event, in_topic
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration


KEYS = "shop:shop-key-1,junk:junk-key-1"


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
