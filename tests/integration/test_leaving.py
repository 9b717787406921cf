"""A consumer that is told to stop ends in time, whatever it waits for, and leaves nothing half done."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from kit.documents import numbered
from kit.pipeline import Pipeline

from pulse_consumer.dlq import DELIVERY_TIMEOUT_SECONDS
from pulse_local.services.kafka import Broker

pytestmark = pytest.mark.integration

# With a grace of a second it ends well before the delivery would give up by itself.
BOUND_SECONDS = DELIVERY_TIMEOUT_SECONDS - 5


def delivering(pipeline: Pipeline) -> bool:
    """Whether a consumer has stored events, not committed, and waits for its dead letters to be acknowledged."""
    rows = pipeline.rows(
        "select query from pg_stat_activity where datname = current_database() and application_name = 'pulse-consumer'"
        " and state = 'idle in transaction'"
    )
    return any(query.startswith("RELEASE") for (query,) in rows)


def wait_until_locked_out(pipeline: Pipeline) -> None:
    pipeline.wait_for(
        lambda: pipeline.number("select count(*) from pg_locks where not granted") > 0, lambda: "nobody waits"
    )


@pytest.fixture
def silent(broker: Broker) -> Iterator[Callable[[], None]]:
    """Has the broker fall silent; it speaks again when this is called a second time, at the latest after the test."""
    signals = iter([signal.SIGSTOP, signal.SIGCONT])
    yield lambda: os.kill(broker.process.pid, next(signals))
    os.kill(broker.process.pid, signal.SIGCONT)


def test_dead_letters_that_the_dlq_topic_does_not_take_hold_nobody_up_and_are_not_lost(
    pipeline: Pipeline, silent: Callable[[], None]
) -> None:
    consumer = pipeline.start_consumer(shutdown_grace=timedelta(seconds=1))
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.events in exclusive mode")
        pipeline.produce([b"not json", *numbered(20)], partition=0)
        wait_until_locked_out(pipeline)
        silent()
    pipeline.wait_for(lambda: delivering(pipeline), lambda: "no delivery is waited for")
    consumer.send_signal(signal.SIGTERM)
    assert consumer.wait(BOUND_SECONDS) == 0
    assert "flush_gave_up" in pipeline.log(consumer)
    assert pipeline.sums()["read"] == 0
    assert pipeline.number("select count(*) from raw.events") == 0
    assert pipeline.number("select count(*) from raw.dead_letters") == 0
    assert set(pipeline.stored_offsets().values()) == {0}
    silent()
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert (pipeline.sums()["inserted"], pipeline.sums()["dead"]) == (20, 1)
    assert pipeline.rows("select value from raw.dead_letters") == [(b"not json",)]


def test_a_lock_that_somebody_holds_keeps_nobody_from_leaving(pipeline: Pipeline) -> None:
    consumer = pipeline.start_consumer(shutdown_grace=timedelta(seconds=1))
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.batches in exclusive mode")
        pipeline.produce(numbered(20))
        wait_until_locked_out(pipeline)
        assert pipeline.stop(consumer) == 0
    assert "flush_gave_up" in pipeline.log(consumer)
    assert "SQLSTATE 55P03" not in pipeline.log(consumer), "it waited until the server gave the lock up"
    assert pipeline.sums()["read"] == 0
    pipeline.start_consumer()
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["inserted"] == 20
    assert pipeline.sums()["duplicate"] == 0
