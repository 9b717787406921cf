"""A consumer whose Kafka client has gone deaf makes a new one, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kit.documents import numbered
from kit.pipeline import Pipeline
from kit.running import Running

from pulse_consumer import stall
from pulse_consumer.stall import StallWatch

pytestmark = pytest.mark.integration


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[StallWatch]:
    monkeypatch.setattr(stall, "LOOK_SECONDS", 1.0)
    yield StallWatch()


def test_a_deaf_client_is_replaced_and_the_next_one_reads_on(pipeline: Pipeline, quick: StallWatch) -> None:
    first = Running(pipeline, quick)
    try:
        pipeline.produce(numbered(20))
        pipeline.wait_until_caught_up()
        first.deafen()
        pipeline.produce(numbered(20, first=20))
        first.thread.join(60)
        assert "delivers nothing although 20 records wait" in str(first.failure)
    finally:
        first.end()
    second = Running(pipeline, quick)
    try:
        pipeline.wait_until_caught_up()
    finally:
        second.end()
    assert second.failure is None
    assert pipeline.sums()["inserted"] == pipeline.number("select count(*) from raw.events") == 40


def test_a_client_that_is_deaf_for_one_partition_is_replaced_although_others_flow(
    pipeline: Pipeline, quick: StallWatch
) -> None:
    running = Running(pipeline, quick)
    try:
        pipeline.produce(numbered(20), partition=0)
        pipeline.wait_until_caught_up()
        running.deafen(0)
        pipeline.produce(numbered(20, first=20), partition=0)

        def flows_until_it_ends() -> bool:
            pipeline.produce(numbered(1, with_ids=False), partition=1)
            return not running.thread.is_alive()

        pipeline.wait_for(flows_until_it_ends, lambda: running.failure)
        assert "20 records wait in partitions [0]" in str(running.failure)
    finally:
        running.end()


def test_a_client_that_has_read_everything_is_left_alone(pipeline: Pipeline, quick: StallWatch) -> None:
    pipeline.produce(numbered(5))
    running = Running(pipeline, quick)
    try:
        pipeline.wait_until_caught_up()
        running.thread.join(4)  # several looks
        assert running.thread.is_alive()
        assert running.failure is None
    finally:
        running.end()
