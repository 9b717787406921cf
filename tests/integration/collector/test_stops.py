"""The end of a collector, asked for or not: what it answered with 202 is there."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest
from kit.collector import Running, event, ids_of, in_topic
from kit.load import Load
from kit.pipeline import Pipeline

pytestmark = pytest.mark.integration


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
