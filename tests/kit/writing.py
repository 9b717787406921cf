"""A writer without a Kafka: batches of partition 0, taken over and decoded as a session does it."""

from __future__ import annotations

from kit.documents import numbered
from kit.pipeline import Pipeline
from pulse.adapters import postgres
from pulse.events import EventDecoder
from pulse_consumer import offsets
from pulse_consumer.batch import Batch
from pulse_consumer.intake import Intake
from pulse_consumer.offsets import Bounds, Position, Source
from pulse_consumer.packer import plain_rows
from pulse_consumer.record import Record
from pulse_consumer.writer import Deliver, Writer

TOPIC_ID = bytes(range(16))
LOG = {0: Bounds(0, 1_000)}


def source(pipeline: Pipeline) -> Source:
    """The topic and the group that the batches come from."""
    return Source(pipeline.plan.group, pipeline.plan.events.name, TOPIC_ID)


def writer_of(pipeline: Pipeline, deliver: Deliver = lambda _letters: None) -> Writer:
    """A writer of this pipeline; a fenced one connects again by itself."""
    return Writer(pipeline.ingest.dsn, source(pipeline), deliver, lambda: None)


def taken(pipeline: Pipeline) -> Position:
    """Partition 0, taken over: whoever had it is fenced."""
    with postgres.connect(pipeline.ingest.dsn, "test") as connection:
        return offsets.take(connection, source(pipeline), LOG)[0]


def batch(position: Position, first: int, count: int) -> Batch:
    """Records first … first + count - 1 of partition 0, each a new event, read by the owner of `position`."""
    return batch_of(position, first, numbered(count, first=first, with_ids=False))


def batch_of(position: Position, first: int, values: list[bytes]) -> Batch:
    """These values as the records of partition 0 from offset `first` on, read by the owner of `position`."""
    reader = Intake(EventDecoder(), TOPIC_ID, plain_rows("python", TOPIC_ID, custom_events=True))
    reader.positions[0] = Position(position.epoch, first)
    made = Batch(0.0)
    stamp = 1_767_323_046_000_000
    reader.add(made, [Record(0, first + number, stamp, True, None, value, None) for number, value in enumerate(values)])
    return made
