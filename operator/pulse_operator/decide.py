"""How many consumers there shall be, and whether the pipeline works at all. Pure; the lag's part is in `scaling`."""

from __future__ import annotations

from msgspec import UNSET

from pulse.env import duration
from pulse.facts import Decision
from pulse.spec import PipelineSpec
from pulse_operator import scaling
from pulse_operator.dependencies.verdict import Raw
from pulse_operator.pipeline import Pipeline


def shall_be(pipeline: Pipeline, consumer: Raw | None, decided: scaling.Decision | None) -> Decision:
    """What shall be. Until the autoscaler has spoken, what runs goes on running; a new pipeline starts at its minimum.

    From zero because of a suspension it starts at the minimum too: that zero was nobody's answer to a lag.
    """
    if pipeline.spec.suspend:
        return Decision(0, suspended=True)
    wanted = pipeline.spec.consumer.scaling
    least = max(1, wanted.min)
    if decided is not None:
        return Decision(decided.replicas)
    there = consumer["spec"].get("replicas", 1) if consumer is not None else 0
    return Decision(min(max(there, least), wanted.max))


def scaling_policy(spec: PipelineSpec) -> scaling.Policy:
    """The policy that the spec asks for. Partitions of an external topic are known by looking."""
    wanted, source = spec.consumer.scaling, spec.source.strimzi
    return scaling.Policy(
        partitions=1 if source is UNSET else source.partitions,
        mode=scaling.Mode(wanted.mode),
        minimum=wanted.min,
        maximum=wanted.max,
        target_lag_per_replica=wanted.target_lag_per_replica,
        target_drain_seconds=duration(wanted.target_drain_time).total_seconds(),
        scale_down_seconds=duration(wanted.scale_down_delay).total_seconds(),
    )
