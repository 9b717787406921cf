"""What Prometheus is shown of each pipeline; the catalogue of names stands in `pulse.adapters.metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from prometheus_client import Gauge

from pulse.adapters import metrics
from pulse_operator.conditions import ORDER, Evidence, last_success, runs_of_dbt, runs_of_maintenance
from pulse_operator.dependencies import Status, Verdict
from pulse_operator.dependencies.verdict import status
from pulse_operator.readings import Reading

# The status that is shown of each condition: a thousand pipelines have thirteen thousand of them.
_shown: dict[tuple[str, str, str], Status] = {}


def show(evidence: Evidence, found: Mapping[str, Verdict]) -> None:
    """Sets every figure of one pipeline but its lag."""
    key = evidence.pipeline.key
    for name, verdict in found.items():
        _show_condition(key, name, verdict.status)
    decision = evidence.decision
    if decision is not None and decision.drain_seconds is not None:
        metrics.PIPELINE_DRAIN_SECONDS.labels(*key).set(decision.drain_seconds)
    else:
        _remove(metrics.PIPELINE_DRAIN_SECONDS, *key)
    for metric, runs in (
        (metrics.PIPELINE_LAST_TRANSFORM, runs_of_dbt(evidence)),
        (metrics.PIPELINE_LAST_MAINTENANCE, runs_of_maintenance(evidence)),
    ):
        good = last_success(evidence, runs)
        if good is not None:
            metric.labels(*key).set(good)
        else:
            _remove(metric, *key)
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
    for name in ORDER:
        _show_condition(key, name, None)
    for metric in (
        metrics.PIPELINE_LAG,
        metrics.PIPELINE_LAG_READ,
        metrics.PIPELINE_DRAIN_SECONDS,
        metrics.PIPELINE_LAST_TRANSFORM,
        metrics.PIPELINE_LAST_MAINTENANCE,
    ):
        _remove(metric, *key)
    for kind in ("current", "desired"):
        _remove(metrics.PIPELINE_REPLICAS, *key, kind)


def _show_condition(key: tuple[str, str], name: str, now: Status | None) -> None:
    """Shows the status that the condition has now, and no longer the one that it had."""
    before = _shown.pop((*key, name), None)
    if now is not None:
        _shown[*key, name] = now
    if before is now:
        return
    if before is not None:
        _remove(metrics.PIPELINE_CONDITION, *key, name, before.value)
    if now is not None:
        metrics.PIPELINE_CONDITION.labels(*key, name, now.value).set(1)


def _remove(metric: Gauge, *labels: str) -> None:
    with suppress(KeyError):  # it was not shown
        metric.remove(*labels)
