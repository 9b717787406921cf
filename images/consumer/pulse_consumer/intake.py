"""From records to a batch: what is ours, what is new, what is an event and what is a dead letter. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse_consumer.batch import Batch
from pulse_consumer.deadletter import DeadLetter
from pulse_consumer.offsets import Position
from pulse_consumer.record import REJECTED_HEADER, Record
from pulse_consumer.rows import packed


class Intake:
    """Keeps the position of every partition that this consumer owns, and decodes records into batches."""

    def __init__(self, decoder: EventDecoder, topic_id: bytes) -> None:
        self._decoder = decoder
        self._topic_id = topic_id
        self.positions: dict[int, Position] = {}

    def add(self, batch: Batch, records: Iterable[Record]) -> None:
        """Puts the records into the batch. One of a partition that is not ours, or read before, is left out."""
        for record in records:
            position = self.positions.get(record.partition)
            if position is None or record.offset < position.next_offset:
                continue
            part = batch.part(record.partition, position.epoch, position.next_offset)
            try:
                row = self._row(record)
            except Rejection as why:
                part.dead.append(DeadLetter.of(record, why))
            else:
                part.rows.append(row)
                part.records.append(record)
            part.next = position.next_offset = record.offset + 1
            batch.read += 1
            batch.bytes += len(record.value or b"")

    def _row(self, record: Record) -> bytes:
        if record.headers:
            refused = record.header(REJECTED_HEADER)
            if refused is not None:
                raise Rejection("rejected_by_collector", refused.decode("utf-8", "replace"))
        event = self._decoder.decode(record.value, record.kafka_us, self._topic_id, record.partition, record.offset)
        kafka_us = event.event_us if record.kafka_us is None else record.kafka_us
        return packed(event, kafka_us, record.trusted, self._topic_id, record.partition, record.offset)
