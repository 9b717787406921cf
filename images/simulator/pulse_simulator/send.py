"""The way into Kafka: an idempotent producer that hands records over fast and never hides a failed delivery."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from pulse.adapters import kafka, logs
from pulse.errors import KafkaUnavailable, Stop
from pulse.settings import KafkaSettings
from pulse_simulator.records import Record

# Shorter than what counts as late, so that a live event is on time or not delivered at all.
DELIVERY_TIMEOUT_SECONDS = 120
ANSWER_SECONDS = 10
FLUSH_SECONDS = DELIVERY_TIMEOUT_SECONDS + 10
QUEUE_RECORDS = 200_000
QUEUE_KIB = 256 * 1024
FULL_QUEUE_WAIT_SECONDS = 0.05


class Sender:
    """A producer for one topic. Leaving its `with` block delivers everything, or says why not."""

    def __init__(self, settings: KafkaSettings, topic: str, log: structlog.stdlib.BoundLogger) -> None:
        self._topic = topic
        self._failed = 0
        self._reason = ""
        self._producer = Producer(
            kafka.producer_config(
                settings,
                compression_type="lz4",
                linger_ms=20,
                batch_size=512 * 1024,
                batch_num_messages=20_000,
                queue_buffering_max_messages=QUEUE_RECORDS,
                queue_buffering_max_kbytes=QUEUE_KIB,
                message_timeout_ms=DELIVERY_TIMEOUT_SECONDS * 1000,
                # The reports of successes would cost more than the sending; an empty queue says the same.
                delivery_report_only_error=True,
            ),
            logger=logs.of_library("librdkafka", log),
        )

        self._refuse_missing(settings.bootstrap_servers)

    def _refuse_missing(self, servers: str) -> None:
        """A clear error now instead of a timeout later. Asks for all topics: asking for one may create it."""
        try:
            topics = self._producer.list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException as failed:
            raise KafkaUnavailable(
                f"Kafka at {servers} did not answer within {ANSWER_SECONDS} s: {failed.args[0].str()}. "
                "Start the broker, or mend PULSE_KAFKA_BOOTSTRAP_SERVERS."
            ) from None
        if self._topic not in topics:
            raise Stop(f"Kafka at {servers} has no topic {self._topic}: create it, or mend PULSE_EVENTS_TOPIC.")

    def __enter__(self) -> Sender:
        return self

    def send(self, records: Iterable[Record]) -> None:
        """Hands records over, in order. KafkaUnavailable as soon as one is known to have failed."""
        produce = self._producer.produce
        topic, report = self._topic, self._report
        for record in records:
            while True:
                try:
                    produce(topic, record[2], record[1], on_delivery=report)
                    break
                except BufferError:
                    self._producer.poll(FULL_QUEUE_WAIT_SECONDS)
                    self._check()
                except KafkaException as refused:
                    self._report(refused.args[0], None)
                    self._check()
        self._producer.poll(0)
        self._check()

    def _report(self, error: KafkaError | None, _: Any) -> None:
        if error is not None:
            self._failed += 1
            self._reason = self._reason or error.str()

    def _check(self) -> None:
        if self._failed:
            raise KafkaUnavailable(
                f"Topic {self._topic}: {self._failed} records or more were not delivered: {self._reason}. "
                "See whether the brokers run and take this topic, then start the simulator again; "
                "no truth file was written."
            )

    def flush(self) -> None:
        """Waits until everything is delivered. KafkaUnavailable if that fails."""
        waiting = self._producer.flush(FLUSH_SECONDS)
        self._check()
        if waiting:
            self._failed, self._reason = waiting, f"no acknowledgement within {FLUSH_SECONDS} s"
            self._check()

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.purge()
