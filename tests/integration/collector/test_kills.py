"""Collectors and Kafka killed under load, answers lost on the way: through to Postgres, nothing is lost or doubled."""

from __future__ import annotations

import json
import signal
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kit.collector import EVENTS, Running, event, in_topic
from kit.load import Load, assert_stored_once
from kit.own_kafka import OwnKafka
from kit.pipeline import Pipeline

from pulse_local import ports
from pulse_local.ports import HOST

pytestmark = pytest.mark.integration


def test_what_was_answered_202_is_in_postgres_once_though_collector_and_kafka_are_killed_again_and_again(
    own: tuple[OwnKafka, Pipeline],
) -> None:
    broker, pipeline = own
    words: dict[str, Any] = {"rate": 0.0, "port": ports.free_port(), "ack_timeout": timedelta(seconds=3)}
    running = Running(pipeline, **words)
    pipeline.start_consumer()
    load = Load(running)
    for _ in range(3):
        load.goes_on(pipeline)
        pipeline.stop(running.process, signal.SIGKILL)
        running = Running(pipeline, **words)
        load.goes_on(pipeline)
        broker.kill()
        broker.start()
    load.goes_on(pipeline)
    load.end()
    assert running.stop() == 0
    assert load.statuses <= {202, 503}
    assert_stored_once(pipeline, load.acknowledged)


def test_a_202_that_is_lost_on_the_way_makes_duplicates_and_no_conflict(pipeline: Pipeline) -> None:
    running = Running(pipeline)
    events = [event(number) for number in range(30)]
    body = json.dumps({"sent_at": datetime.now(UTC).isoformat(), "batch": events}).encode()
    head = f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((HOST, running.port), timeout=30) as client:
        client.sendall(head.encode() + body)
        pipeline.wait_for(lambda: len(in_topic(pipeline)) == 30, lambda: running.log)
    later = running.post({"sent_at": (datetime.now(UTC) + timedelta(hours=2)).isoformat(), "batch": events})
    assert later.status == 202
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.sums() == {"read": 60, "inserted": 30, "duplicate": 30, "conflict": 0, "dead": 0, "skipped": 0}
