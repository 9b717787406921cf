"""Starting again from the beginning: what `pulse offsets reset` says first, and then does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulse.adapters import kafka, postgres
from pulse.settings import OffsetsSettings
from pulse_consumer import offsets, subscription
from pulse_consumer.offsets import Bounds, Source


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset that is known and not yet done."""

    dsn: str
    source: Source
    log: Mapping[int, Bounds]

    @property
    def description(self) -> str:
        """What `apply` will do, a line for each partition."""
        lines = [f"Group {self.source.group} will read {self.source.topic} again:"]
        lines += [
            f"  partition {partition}: from {log.low}, {log.high - log.low} offsets to the end"
            for partition, log in sorted(self.log.items())
        ]
        return "\n".join(lines)

    def apply(self) -> None:
        """Moves the stored offsets; an owner that runs is fenced at its next commit and takes the new ones."""
        with (
            postgres.connect(self.dsn, "pulse-offsets", lock_timeout="30s") as connection,
            postgres.translating("Resetting offsets"),
        ):
            offsets.reset(connection, self.source, self.log)


def plan_reset(settings: OffsetsSettings) -> Reset:
    """The reset of every partition of the events topic to the beginning of the log. Changes nothing yet."""
    client = kafka.admin(settings.kafka)
    topic = settings.topics.events
    source = Source(settings.topics.group, topic, kafka.topic_id(client, topic))
    log = subscription.bounds(client, topic, range(kafka.partition_count(client, topic)))
    return Reset(settings.database.dsn, source, log)
