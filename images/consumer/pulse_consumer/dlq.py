"""The DLQ topic: copies of dead letters, each acknowledged before anything is committed."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pulse.adapters import kafka
from pulse.errors import KafkaUnavailable, Stop
from pulse.plan import DEAD_LETTER_HEADROOM_BYTES
from pulse.settings import ConsumerSettings
from pulse_consumer.deadletter import DeadLetter, dlq_headers

DELIVERY_TIMEOUT_SECONDS = 30
# The client counts its own timeout from when it has a record, so it gets a little longer to tell of it.
LONGEST_SECONDS = DELIVERY_TIMEOUT_SECONDS + 5
_LOOK_SECONDS = 0.2  # so long a delivery does not notice that it is broken off
_LARGEST_MESSAGE_BYTES = 1_000_000_000  # librdkafka's own limit


class DeadLetterTopic:
    """Delivers dead letters. A delivery that failed costs its producer, so that nothing of it lingers in a queue."""

    def __init__(self, settings: ConsumerSettings, max_message_bytes: int, library_log: logging.Logger) -> None:
        self._topics = settings.topics
        self._config = kafka.producer_config(
            settings.kafka,
            message_max_bytes=min(max_message_bytes + DEAD_LETTER_HEADROOM_BYTES, _LARGEST_MESSAGE_BYTES),
            delivery_timeout_ms=DELIVERY_TIMEOUT_SECONDS * 1000,
            queue_buffering_max_kbytes=1_048_576,
            topic_metadata_propagation_max_ms=5_000,  # so long a missing topic passes for one just created
            linger_ms=5,
            logger=library_log,
        )
        self._producer: Producer | None = None
        self._broken_off = threading.Event()

    def break_off(self) -> None:
        """From another thread, for good: a delivery that is under way fails, and so does every later one."""
        self._broken_off.set()

    def deliver(self, letters: Sequence[DeadLetter]) -> None:
        """Returns once every copy is acknowledged by all in-sync replicas; else KafkaUnavailable.

        Takes LONGEST_SECONDS at most.
        """
        failures: list[str] = []

        def noted(error: KafkaError | None, _message: Message[bytes, bytes]) -> None:
            if error is not None:
                failures.append(error.str())

        producer = self._producer = self._producer or Producer(self._config)
        first_seen = dt.datetime.now(dt.UTC).isoformat()
        deadline = time.monotonic() + LONGEST_SECONDS
        unsent, waiting = list(reversed(letters)), len(letters)
        try:
            while waiting and not failures and time.monotonic() < deadline and not self._broken_off.is_set():
                self._produce(producer, unsent, first_seen, noted)
                waiting = len(unsent) + producer.flush(_LOOK_SECONDS)
        except KafkaException as failed:
            failures = [str(failed)]
        if waiting or failures:
            self._producer = None
            why = failures[0] if failures else "no acknowledgement in time"
            raise KafkaUnavailable(
                f"{len(letters)} dead letters, or some of them, did not reach {self._topics.dlq}: {why}."
            )

    def _produce(
        self,
        producer: Producer,
        unsent: list[DeadLetter],
        first_seen: str,
        noted: Callable[[KafkaError | None, Message[bytes, bytes]], None],
    ) -> None:
        """Hands letters over from the end of the list until it is empty or the client's queue is full."""
        while unsent:
            letter = unsent[-1]
            headers: list[tuple[str, str | bytes | None]] = [*dlq_headers(letter, self._topics.events, first_seen)]
            try:
                producer.produce(
                    self._topics.dlq,
                    value=letter.record.value,
                    key=letter.record.key,
                    headers=headers,
                    on_delivery=noted,
                )
            except BufferError:
                return
            unsent.pop()


def checked_message_bytes(settings: ConsumerSettings) -> int:
    """The largest record of the events topic; Stop unless the DLQ topic can hold it with its headers."""
    client = kafka.admin(settings.kafka)
    largest = int(kafka.topic_config(client, settings.topics.events)["max.message.bytes"])
    room = int(kafka.topic_config(client, settings.topics.dlq)["max.message.bytes"])
    needed = largest + DEAD_LETTER_HEADROOM_BYTES
    if room < needed:
        raise Stop(
            f"Topic {settings.topics.dlq} takes records of up to {room} bytes, and a dead letter of "
            f"{settings.topics.events} can have {needed}. Set its max.message.bytes to {needed} or more."
        )
    return largest
