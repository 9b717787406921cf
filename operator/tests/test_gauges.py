"""What Prometheus is shown of a pipeline, and that a figure that is not known any more is not shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kit.evidence import AT, CONSUMER, MAINTAIN, RAN_AT, READING, STEADY, TRANSFORM, looked

from pulse.adapters.metrics import OPERATOR_REGISTRY
from pulse_operator import gauges
from pulse_operator.conditions import conditions
from pulse_operator.objects import Ref
from pulse_operator.readings import Reading
from pulse_operator.timestamps import seconds_of

KEY = ("web", "shop")


def shown(name: str, **labels: str) -> float | None:
    return OPERATOR_REGISTRY.get_sample_value(name, {"namespace": "web", "pipeline": "shop", **labels})


def show(**words: Any) -> None:
    evidence = looked(**words)
    gauges.show(evidence, conditions(evidence))


def test_one_status_of_each_condition_is_shown() -> None:
    show(status={CONSUMER: {"readyReplicas": 0}})
    told = {
        status: shown("pulse_pipeline_condition", condition="ConsumerAvailable", status=status)
        for status in ("True", "False", "Unknown")
    }
    assert told == {"True": None, "False": 1, "Unknown": None}
    assert shown("pulse_pipeline_replicas", kind="current") == 0
    assert shown("pulse_pipeline_replicas", kind="desired") == 2
    show()
    assert shown("pulse_pipeline_condition", condition="ConsumerAvailable", status="True") == 1
    assert shown("pulse_pipeline_condition", condition="ConsumerAvailable", status="False") is None


def test_the_drain_time_is_absent_while_it_is_unknown() -> None:
    for unknown in ({"decision": replace(STEADY, drain_seconds=None)}, {"decision": None}):
        show()
        assert shown("pulse_pipeline_drain_seconds") == 12.4
        show(**unknown)
        assert shown("pulse_pipeline_drain_seconds") is None


@pytest.mark.parametrize(("name", "ref"), [("transform", TRANSFORM), ("maintenance", MAINTAIN)])
def test_the_last_good_run_is_absent_before_there_is_one(name: str, ref: Ref) -> None:
    show()
    assert shown(f"pulse_pipeline_last_{name}_timestamp_seconds") == seconds_of(RAN_AT)
    show(status={ref: {"lastSuccessfulTime": None}})
    assert shown(f"pulse_pipeline_last_{name}_timestamp_seconds") is None


def test_an_unknown_lag_leaves_the_last_figure_and_its_time() -> None:
    gauges.show_lag(KEY, READING)
    gauges.show_lag(KEY, Reading(AT + 60, problem="no answer", problem_kind="TimedOut"))
    assert shown("pulse_pipeline_lag_records") == 1_200
    assert shown("pulse_pipeline_lag_read_timestamp_seconds") == AT


def test_nothing_is_shown_of_a_pipeline_that_is_gone() -> None:
    show()
    gauges.show_lag(KEY, READING)
    gauges.forget(KEY)
    of_the_pipeline = [
        sample
        for metric in OPERATOR_REGISTRY.collect()
        for sample in metric.samples
        if sample.labels.get("pipeline") == "shop"
    ]
    assert of_the_pipeline == []
