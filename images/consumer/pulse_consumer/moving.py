"""Setting the stored offsets: what `pulse offsets reset`, `rewind-to` and `adopt` say first, and then do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from pulse.adapters import kafka, postgres
from pulse.errors import Stop
from pulse.settings import OffsetsSettings
from pulse_consumer import offsets, subscription, targets
from pulse_consumer.offsets import Bounds, Move, Source
from pulse_consumer.targets import Chosen, Kept, Stored

TRIES = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A change of stored offsets that is known and not yet made."""

    dsn: str
    source: Source
    chosen: Chosen
    why: Move

    @property
    def description(self) -> str:
        """What `apply` will do, a line for each partition."""
        title = f"Group {self.source.group} will read {self.source.topic} from other offsets:"
        return "\n".join([title, *(f"  {line}" for line in self.chosen.lines)])

    def apply(self) -> None:
        """Sets the offsets; an owner that runs is fenced at its next commit and takes the new ones."""
        with (
            postgres.connect(self.dsn, "pulse-offsets", **offsets.SESSION) as connection,
            postgres.translating("Setting offsets"),
        ):
            self._moved(connection)

    def _moved(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Once more after a deadlock: a batch that a consumer commits may lock the same rows in another order."""
        for left in reversed(range(TRIES)):
            try:
                offsets.move(connection, self.source, self.chosen.targets, self.why)
            except psycopg.errors.DeadlockDetected:
                if not left:
                    raise
            else:
                return


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is before anything is changed: the topic and its log, and the stored offsets of the group."""

    settings: OffsetsSettings
    source: Source
    log: Mapping[int, Bounds]
    stored: Mapping[int, Stored]
    kept: Kept

    def planned(self, chosen: Chosen, why: Move, force: bool) -> Planned:
        """The change, if it stays within what retention kept; OffsetsDisagree if not, unless `force` says so."""
        checked = targets.within_kept(self.source, chosen, self.kept, force)
        return Planned(self.settings.database.dsn, self.source, checked, why)


def seen(settings: OffsetsSettings) -> Seen:
    """Asks Kafka and Postgres. KafkaUnavailable, DatabaseUnavailable, or Stop if the topic or a right is missing."""
    client, topic = kafka.admin(settings.kafka), settings.topics.events
    source = Source(settings.topics.group, topic, kafka.topic_id(client, topic))
    log = subscription.bounds(settings.kafka, topic, range(kafka.partition_count(client, topic)))
    with postgres.connect(settings.database.dsn, "pulse-offsets") as connection:
        held = stored_offsets(connection, source)
        with postgres.translating("Reading what is kept"):
            kept = Kept(*offsets.read_before_kept(connection, source))
        return Seen(settings, source, log, held, kept)


def stored_offsets(connection: psycopg.Connection[tuple[object, ...]], source: Source) -> dict[int, Stored]:
    """The rows of this group and topic, by partition, whichever topic of the name they belong to."""
    with postgres.translating("Reading the stored offsets"):
        rows = offsets.stored(connection, source)
    return {number: Stored(topic_id.bytes, following, epoch, at) for number, topic_id, following, epoch, at in rows}


def plan_reset(settings: OffsetsSettings, reason: str | None = None, force: bool = False) -> Planned:
    """Every partition of the events topic to the beginning of the log. Changes nothing yet."""
    found = seen(settings)
    return found.planned(targets.from_beginning(found.log), Move("reset", reason), force)


def plan_rewind_to_time(
    settings: OffsetsSettings,
    moment: datetime,
    partitions: Iterable[int] = (),
    reason: str | None = None,
    force: bool = False,
) -> Planned:
    """Each partition, or only those named, to its first record of this time or later. Changes nothing yet."""
    found = seen(settings)
    numbers = sorted(set(partitions)) or sorted(found.log)
    _check_partitions(found, numbers)
    wanted = subscription.offsets_at(settings.kafka, found.source.topic, numbers, moment)
    at = {number: found.log[number].high if offset < 0 else offset for number, offset in wanted.items()}
    return found.planned(
        targets.rewound(found.source, found.stored, found.log, at, exact=False), Move("rewind-to", reason), force
    )


def plan_rewind_to_offsets(
    settings: OffsetsSettings, wanted: Mapping[int, int], reason: str | None = None, force: bool = False
) -> Planned:
    """These partitions to these offsets, all of them behind the stored ones. Changes nothing yet."""
    found = seen(settings)
    return found.planned(
        targets.rewound(found.source, found.stored, found.log, wanted, exact=True), Move("rewind-to", reason), force
    )


def plan_adopt(
    settings: OffsetsSettings,
    group: str = "",
    wanted: Mapping[int, int] | None = None,
    force: bool = False,
    reason: str | None = None,
) -> Planned:
    """The offsets that a Kafka group has committed, or those of `wanted`, as the stored ones. Changes nothing yet."""
    found = seen(settings)
    name = group or settings.topics.group
    taken = wanted or subscription.committed(settings.kafka, name, found.source.topic, found.log)
    if not taken:
        raise Stop(
            f"The Kafka group {name!r} has committed no offset of {found.source.topic}: name another with "
            "--from-group, or the offsets with --offset."
        )
    chosen = targets.adopted(found.source, found.stored, found.log, taken, force)
    return found.planned(chosen, Move("adopt", reason, only_new=not force), force)


def _check_partitions(found: Seen, numbers: Iterable[int]) -> None:
    unknown = [number for number in numbers if number not in found.log]
    if unknown:
        raise Stop(f"{found.source.topic} has {len(found.log)} partitions, numbered from 0, and no {unknown}.")
