"""Sends records to Kafka and remembers where each landed, so that their fate can be looked up afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pulse.adapters import kafka as kafka_adapter
from pulse.errors import KafkaUnavailable
from pulse.settings import KafkaSettings
from pulse_local.importing.converting import Record

FLUSH_SECONDS = 120.0
_POLL_EVERY = 1_000

# Ranges of offsets by partition, each [first, next): one range unless others write to the topic at the same time.
Landed = Mapping[int, list[tuple[int, int]]]


class Sender:
    """An idempotent producer to one topic."""

    def __init__(self, settings: KafkaSettings, topic: str, max_message_bytes: int) -> None:
        self._topic = topic
        config = kafka_adapter.producer_config(
            settings, linger_ms=20, compression_type="lz4", message_max_bytes=max_message_bytes
        )
        self._producer = Producer({**config, **kafka_adapter.QUIET})  # what does fail is raised here
        self._landed: dict[int, list[list[int]]] = {}
        self._failure: KafkaError | None = None
        self.sent = 0

    def send(self, record: Record) -> None:
        """Queues one record; KafkaUnavailable once a delivery has failed for good."""
        while True:
            try:
                self._producer.produce(self._topic, record.value, record.key, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as failed:
                raise self._unavailable(failed.args[0]) from failed
        self.sent += 1
        if self.sent % _POLL_EVERY == 0:
            self._producer.poll(0)
        self._check()

    def finish(self) -> Landed:
        """Waits until the broker has acknowledged everything, and says where it landed."""
        left = self._producer.flush(FLUSH_SECONDS)
        self._check()
        if left:
            raise self._unavailable(KafkaError(KafkaError._TIMED_OUT))
        return {partition: [(first, next_) for first, next_ in ranges] for partition, ranges in self._landed.items()}

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            self._failure = self._failure or error
            return
        ranges = self._landed.setdefault(partition, [])
        if ranges and ranges[-1][1] == offset:
            ranges[-1][1] = offset + 1
        else:
            ranges.append([offset, offset + 1])

    def _check(self) -> None:
        if self._failure is not None:
            raise self._unavailable(self._failure)

    def _unavailable(self, error: KafkaError) -> KafkaUnavailable:
        landed = sum(next_ - first for ranges in self._landed.values() for first, next_ in ranges)
        return KafkaUnavailable(
            f"Kafka took {landed:,} events and then no more ({error.str()}): mend it (`pulse status`) and import the "
            "file again; what is there already is not added twice."
        )
