"""What stops a collector before it serves says what to do."""

from __future__ import annotations

import pytest
from kit.collector import Running
from kit.pipeline import Pipeline

from pulse import cli
from pulse.settings import CollectorSettings, LogSettings
from pulse_local.ports import HOST

pytestmark = pytest.mark.integration


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
