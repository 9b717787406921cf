"""What Prometheus is shown of each pipeline; the catalogue of names stands in `pulse.adapters.metrics`."""

from __future__ import annotations

from collections.abc import Mapping

from pulse.adapters import metrics
from pulse_operator.conditions import Evidence
from pulse_operator.dependencies import Status, Verdict
from pulse_operator.dependencies.verdict import status
from pulse_operator.readings import Reading


def show(evidence: Evidence, found: Mapping[str, Verdict]) -> None:
    """Sets every figure of one pipeline but its lag."""
    key = evidence.pipeline.key
    for name, verdict in found.items():
        for one in Status:
            metrics.PIPELINE_CONDITION.labels(*key, name, one.value).set(verdict.status is one)
    decision = evidence.decision
    if decision is not None and decision.drain_seconds is not None:
        metrics.PIPELINE_DRAIN_SECONDS.labels(*key).set(decision.drain_seconds)
    else:
        metrics.PIPELINE_DRAIN_SECONDS.remove_by_labels(_labels(key))
    consumer = evidence.seen.there(evidence.wants.consumer)
    if consumer is not None:
        metrics.PIPELINE_REPLICAS.labels(*key, "current").set(status(consumer).get("readyReplicas", 0))
        metrics.PIPELINE_REPLICAS.labels(*key, "desired").set(consumer["spec"].get("replicas", 1))


def show_lag(key: tuple[str, str], reading: Reading) -> None:
    """Sets the lag of one pipeline, each time it was read."""
    if not reading.problem:
        metrics.PIPELINE_LAG.labels(*key).set(reading.lag)
        metrics.PIPELINE_LAG_READ.labels(*key).set(reading.at)


def forget(key: tuple[str, str]) -> None:
    """Takes a pipeline off that is no more."""
    for metric in (
        *(metrics.PIPELINE_CONDITION, metrics.PIPELINE_LAG, metrics.PIPELINE_LAG_READ),
        *(metrics.PIPELINE_DRAIN_SECONDS, metrics.PIPELINE_REPLICAS),
    ):
        metric.remove_by_labels(_labels(key))


def _labels(key: tuple[str, str]) -> dict[str, str]:
    return {"namespace": key[0], "pipeline": key[1]}
