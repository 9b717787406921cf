"""Junk of one sender, and the good events of another."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from kit.collector import EVENTS, JSON, Reply, Running, asked, event, ids_of, in_topic
from kit.junk import MEBIBYTE, junk
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration

KEYS = "shop:shop-key-1,junk:junk-key-1"
GOOD_EVENTS = 300


def test_junk_of_one_key_is_told_to_wait(pipeline: Pipeline) -> None:
    running = Running(pipeline, keys=KEYS, rate=50.0)
    replies: list[Reply] = []

    def told_to_wait() -> bool:
        replies.append(running.post(b"{" * 50, X_Pulse_Key="junk-key-1"))
        return replies[-1].status == 429

    pipeline.wait_for(told_to_wait, lambda: [reply.status for reply in replies])
    assert len(replies) > 10, "each costs ten, of the hundred that the bucket holds"
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 5
    assert running.post(event(1), X_Pulse_Key="shop-key-1").status == 202


# With a limit, the bucket of each key holds as many events as are good.
@pytest.mark.parametrize("rate", [0.0, GOOD_EVENTS / 2], ids=["unlimited", "limited"])
def test_junk_without_end_from_one_key_costs_another_no_event(pipeline: Pipeline, rate: float) -> None:
    """How little it costs in time, `make bench-collector` says."""
    running = Running(pipeline, keys=KEYS, rate=rate, reject_rate=100.0)
    stop = threading.Event()
    seen: Counter[int] = Counter()
    kinds = [one for one in junk().values() if len(one.body) < 3 * MEBIBYTE]  # many, rather than large

    def send_junk() -> None:
        connection = running.connection()
        while not stop.is_set():
            for one in kinds:
                try:
                    reply = asked(connection, "POST", EVENTS, one.body, {**one.headers, "X-Pulse-Key": "junk-key-1"})
                    seen[reply.status] += 1
                except OSError:  # it is hung up on in the middle of what is too large
                    connection.close()
        connection.close()

    threads = [threading.Thread(target=send_junk, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    connection = running.connection()
    headers = {**JSON, "X-Pulse-Key": "shop-key-1"}
    refused = []
    for number in range(GOOD_EVENTS):
        reply = asked(connection, "POST", EVENTS, json.dumps(event(number)).encode(), headers)
        if reply.status != 202 or reply.told["accepted"] != 1:
            refused.append(reply)
    connection.close()
    stop.set()
    for thread in threads:
        thread.join()
    assert refused == []
    assert set(seen) == ({202, 400, 413, 415} if not rate else {202, 400, 413, 415, 429})
    assert sum(seen.values()) > 50
    good = {event(number)["event_id"] for number in range(GOOD_EVENTS)}
    stored = [record for record in in_topic(pipeline) if not record.headers()]
    assert sorted(ids_of(stored)) == sorted(good)
    assert running.metric('pulse_collector_events_total{key="shop",outcome="accepted"}') == GOOD_EVENTS
    assert running.metric('pulse_collector_requests_total{code="internal"}') == 0
