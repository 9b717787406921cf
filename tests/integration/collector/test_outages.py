"""Kafka is away: nothing is claimed, and everything is taken once it is back."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from kit.collector import Running, event, refusal
from kit.load import Load, assert_stored_once
from kit.own_kafka import OwnKafka
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration


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
    assert_stored_once(pipeline, load.acknowledged)


def test_a_collector_that_starts_before_kafka_waits_for_it(own: tuple[OwnKafka, Pipeline]) -> None:
    broker, pipeline = own
    broker.kill()
    running = Running(pipeline)
    refusal(running.post(event(1)), "kafka_unavailable")
    broker.start()
    pipeline.wait_for(lambda: running.health("/readyz")[0] == 200, lambda: running.log)
    assert running.post(event(1)).status == 202
