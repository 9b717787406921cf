"""From records to a batch: what is ours, what is new, what is an event and what is a dead letter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse_consumer import redrive
from pulse_consumer.batch import Batch, Part
from pulse_consumer.deadletter import DeadLetter
from pulse_consumer.offsets import Position
from pulse_consumer.packer import PlainRows
from pulse_consumer.record import REJECTED_HEADER, Record
from pulse_consumer.rows import packed

_partition = attrgetter("partition")


class Intake:
    """Keeps the position of every partition that this consumer owns, and decodes records into batches.

    `plain_rows` packs the plain records of a run at once; every other one, and all that is refused, is decided here.
    """

    def __init__(self, decoder: EventDecoder, topic_id: bytes, plain_rows: PlainRows) -> None:
        self._decoder = decoder
        self._topic_id = topic_id
        self._plain_rows = plain_rows
        self.positions: dict[int, Position] = {}

    def add(self, batch: Batch, records: Iterable[Record]) -> None:
        """Puts the records into the batch. One of a partition that is not ours, or read before, is left out."""
        for partition, run in groupby(records, _partition):
            position = self.positions.get(partition)
            if position is None:
                continue
            unread = list(_unread(run, position.next_offset))
            if unread:
                part = batch.part(partition, position.epoch, position.next_offset)
                self._add_run(part, unread)
                part.next = position.next_offset = unread[-1].offset + 1
                batch.read += len(unread)
                batch.bytes += sum(len(record.value or b"") for record in unread)

    def _add_run(self, part: Part, records: list[Record]) -> None:
        for record, plain in zip(records, self._plain_rows(records), strict=True):
            try:
                row = self._row(record) if plain is None else plain
            except Rejection as why:
                part.dead.append(DeadLetter.of(record, why))
            else:
                part.rows.append(row)
                part.records.append(record)

    def _row(self, record: Record) -> bytes:
        if record.headers:
            refused = record.header(REJECTED_HEADER)
            if refused is not None:
                raise Rejection("rejected_by_collector", refused.decode("utf-8", "replace"))
        origin = redrive.origin_of(record)
        if origin is None:
            event = self._decoder.decode(record.value, record.kafka_us, self._topic_id, record.partition, record.offset)
        else:
            event = redrive.event(self._decoder, record.value, origin)
        kafka_us = event.event_us if record.kafka_us is None else record.kafka_us
        return packed(event, kafka_us, record.trusted, self._topic_id, record.partition, record.offset)


def _unread(run: Iterable[Record], next_offset: int) -> Iterator[Record]:
    for record in run:
        if record.offset >= next_offset:
            next_offset = record.offset + 1
            yield record
