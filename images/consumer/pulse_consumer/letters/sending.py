"""Dead letters on their way back to the events topic, each acknowledged or accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pulse.adapters import kafka
from pulse.errors import KafkaUnavailable
from pulse.settings import DeadLetterSettings
from pulse_consumer.letters.judging import Ready
from pulse_consumer.letters.pace import Pace

DELIVERY_TIMEOUT_SECONDS = 30
# What Kafka says of this record and would say again: it was surely not stored.
_FINAL = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)


class Sender:
    """Sends to the events topic; a letter of this very topic goes to the partition where it was."""

    def __init__(self, settings: DeadLetterSettings, pace: Pace) -> None:
        self._topic = settings.topics.events
        client = kafka.admin(settings.kafka)
        self._topic_id = kafka.topic_id(client, self._topic)
        largest = int(kafka.topic_config(client, self._topic)["max.message.bytes"])
        self._pace = pace
        self._producer = Producer(
            {
                **kafka.producer_config(
                    settings.kafka,
                    message_max_bytes=min(max(largest, 1_048_576), 1_000_000_000),
                    delivery_timeout_ms=DELIVERY_TIMEOUT_SECONDS * 1000,
                    linger_ms=5,
                ),
                **kafka.QUIET,
            }
        )

    def send(self, records: Sequence[Ready]) -> dict[int, str]:
        """Returns when all in-sync replicas have each, but for those (by number) that Kafka refused, and why.

        KafkaUnavailable if of any of them it is not known.
        """
        refused: dict[int, str] = {}
        unknown: list[str] = []

        def heard(number: int) -> Callable[[KafkaError | None, Message[bytes, bytes]], None]:
            def noted(error: KafkaError | None, _message: Message[bytes, bytes]) -> None:
                if error is None:
                    return
                if error.code() in _FINAL:
                    refused[number] = error.str()
                else:
                    unknown.append(error.str())

            return noted

        for number, record in enumerate(records):
            self._pace.step()
            try:
                self._produce(record, heard(number))
            except KafkaException as failed:
                if failed.args[0].code() not in _FINAL:
                    raise KafkaUnavailable(f"Sending to {self._topic}: {failed.args[0].str()}") from failed
                refused[number] = failed.args[0].str()
        waiting = self._producer.flush(DELIVERY_TIMEOUT_SECONDS + 5)
        if waiting or unknown:
            why = unknown[0] if unknown else "no acknowledgement in time"
            raise KafkaUnavailable(
                f"Of {len(records)} records it is not known whether {self._topic} has them all: {why}. They are in "
                "state sending; the same command sends them again, and none is stored twice."
            )
        return refused

    def _produce(self, record: Ready, noted: Callable[[KafkaError | None, Message[bytes, bytes]], None]) -> None:
        letter = record.letter
        where: dict[str, Any] = {}
        if letter.topic_id.bytes == self._topic_id:
            where["partition"] = letter.at.partition
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value=record.value,
                    key=letter.key,
                    headers=[*record.headers],
                    on_delivery=noted,
                    **where,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return
