"""Whether a KafkaTopic is there as the pipeline wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulse_operator.dependencies import strimzi
from pulse_operator.dependencies.verdict import (
    Found,
    Missing,
    Raw,
    Reason,
    Target,
    Verdict,
    condition,
    false,
    missing,
    true,
    unknown,
)

TOPIC = strimzi.kind("KafkaTopic")
_NOT_WATCHED = "Check that the topic operator runs and that this is the namespace it watches, normally Kafka's own."
_REASONS = {"ResourceConflict": Reason.TOPIC_OWNED_BY_OTHER, "NotSupported": Reason.CHANGE_NOT_SUPPORTED}

ConfigValue = str | int | bool


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """What the pipeline asks of a topic. Configuration that is not named here is free."""

    partitions: int
    config: Mapping[str, ConfigValue]


def topic_verdict(
    found: Found, namespace: str, name: str, cluster: str, wanted: WantedTopic, seconds: float
) -> Verdict:
    """Whether the topic is there as wanted. `seconds` is the age of the object."""
    target = Target(TOPIC, namespace, name)
    if isinstance(found, Missing):
        return missing(found, target)
    return (
        strimzi.unlabelled(found, target, cluster)
        or _unmanaged(found, target)
        or strimzi.unsettled(found, target, seconds, _NOT_WATCHED)
        or strimzi.refused(found, target, _REASONS)
        or _different(found, target, wanted)
        or true(Reason.READY, f"{target} is ready.")
    )


def _unmanaged(topic: Raw, target: Target) -> Verdict | None:
    if not condition(topic, "Unmanaged"):
        return None
    return unknown(
        Reason.UNMANAGED,
        f"{target} is not managed by Strimzi, so nobody compares it with Kafka. "
        "Remove its annotation strimzi.io/managed.",
    )


def _different(topic: Raw, target: Target, wanted: WantedTopic) -> Verdict | None:
    """Where a topic that is ready, for Strimzi, is another one than the pipeline's spec describes."""
    partitions = topic["spec"].get("partitions")
    if partitions != wanted.partitions:
        return false(
            Reason.PARTITIONS_DIFFER,
            f"{target}: spec.partitions is {partitions or 'absent'}, the pipeline wants {wanted.partitions}. "
            + _partition_advice(partitions, wanted.partitions),
        )
    config = topic["spec"].get("config", {})
    different = [
        f"{key} is {_text(config[key]) if key in config else 'absent'} instead of {_text(value)}"
        for key, value in sorted(wanted.config.items())
        if key not in config or _text(config[key]) != _text(value)
    ]
    if different:
        return false(
            Reason.CONFIG_DIFFERS,
            f"{target}: spec.config: {'; '.join(different)}. Pulse sets it again; if it comes back, find out who else "
            "writes this object.",
        )
    return None


def _partition_advice(there: int | None, wanted: int) -> str:
    if there is not None and there > wanted:
        return "Kafka cannot take partitions away: raise spec.source.strimzi.partitions of the pipeline."
    return "Pulse sets it again; if it comes back, find out who else writes this object."


def _text(value: ConfigValue) -> str:
    """As Kafka reads it: 7 and "7" are one value, and so are true and "true"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
