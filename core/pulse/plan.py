"""What a pipeline needs, with or without Kubernetes: its topics and their settings, and its group.

Pure, and free of the words of any platform. The local stack turns a plan into processes; the operator turns it into
manifests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulse import names

# A dead letter carries the whole record and, in its headers, why it is one.
DEAD_LETTER_HEADROOM_BYTES = 256 * 1024

# As many replicas as the broker makes by itself; Kafka's own word for it.
BROKERS_REPLICAS = -1

_HOUR_MS = 3_600_000
_RETENTION_UNITS_MS = {"h": _HOUR_MS, "d": 24 * _HOUR_MS}


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic as it must be."""

    name: str
    partitions: int
    replicas: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A pipeline, ready to be made real."""

    pipeline: str
    events: Topic
    dlq: Topic
    group: str

    @property
    def topics(self) -> tuple[Topic, Topic]:
        return self.events, self.dlq


def milliseconds(retention: str) -> int:
    """`7d` or `12h`, as the spec writes it, in milliseconds."""
    return int(retention[:-1]) * _RETENTION_UNITS_MS[retention[-1]]


def plan(
    pipeline: str, *, partitions: int = 6, replicas: int = 1, max_message_bytes: int = 1_048_576, retention_ms: int = -1
) -> Plan:
    """The plan of one pipeline. SettingsError if its name cannot be used.

    `retention_ms` of -1 keeps events for ever. The events topic stamps records with the broker's clock: freshness and
    lateness are measured by it, and a producer's clock cannot be trusted for that.
    """
    names.checked_pipeline(pipeline)
    events = Topic(
        names.events_topic(pipeline),
        partitions,
        replicas,
        {
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(retention_ms),
            "max.message.bytes": str(max_message_bytes),
        },
    )
    dlq = Topic(
        names.dlq_topic(pipeline),
        1,
        replicas,
        {"retention.ms": "-1", "max.message.bytes": str(max_message_bytes + DEAD_LETTER_HEADROOM_BYTES)},
    )
    return Plan(pipeline, events, dlq, names.consumer_group(pipeline))
