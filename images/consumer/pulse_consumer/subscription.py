"""The Kafka side of the consumer: configuration, records out of messages, the bounds of the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from pulse.adapters import kafka
from pulse.errors import KafkaUnavailable, OffsetsDisagree, Stop
from pulse.settings import ConsumerSettings, KafkaSettings
from pulse_consumer.offsets import Bounds
from pulse_consumer.record import Record

# A revoke waits for the batch in flight, and an outage of the database must not cost the membership.
MAX_POLL_INTERVAL_MS = 300_000
_ENDS_SECONDS = 5.0  # the loop waits for this answer


def consumer(settings: ConsumerSettings, max_message_bytes: int, library_log: logging.Logger) -> Consumer:
    """A consumer that commits nothing by itself and never jumps to another offset by itself."""
    if settings.group_protocol == "consumer":
        protocol: dict[str, Any] = {"group_protocol": "consumer"}
    else:
        protocol = {
            "group_protocol": "classic",
            "partition_assignment_strategy": "cooperative-sticky",
            "session_timeout_ms": int(settings.session_timeout.total_seconds() * 1000),
        }
    return Consumer(
        kafka.client_config(
            settings.kafka,
            group_id=settings.topics.group,
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            auto_offset_reset="error",
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            # The default of one second halves the drain of a backlog: the queue runs dry while the fetcher sleeps.
            fetch_queue_backoff_ms=5,
            fetch_wait_max_ms=100,
            fetch_message_max_bytes=max(1_048_576, max_message_bytes),
            queued_min_messages=2 * settings.batch_rows,
            queued_max_messages_kbytes=65_536,
            logger=library_log,
            **protocol,
        )
    )


def records(messages: Iterable[Message[bytes, bytes]]) -> Iterator[Record]:
    """The records among the messages. An error among them is raised as what it means."""
    for message in messages:
        error = message.error()
        if error is not None:
            raise_for(error)
            continue
        kind, milliseconds = message.timestamp()
        missing = kind == TIMESTAMP_NOT_AVAILABLE or milliseconds < 0
        yield Record(
            message.partition() or 0,
            message.offset() or 0,
            None if missing else milliseconds * 1000,
            kind == TIMESTAMP_LOG_APPEND_TIME,
            message.key(),
            message.value(),
            message.headers(),  # type: ignore[arg-type] # its type lists text values, which consuming never gives
        )


def raise_for(error: KafkaError) -> None:
    """Raises what the client's error means for the consumer; returns for those that it mends itself."""
    code = error.code()
    if code == KafkaError._PARTITION_EOF:
        return
    if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise OffsetsDisagree(
            f"The log no longer holds the offset that comes next ({error.str()}). "
            "`pulse offsets reset --to-beginning` reads what it does hold; no event is stored twice."
        )
    if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
        raise Stop(f"Kafka refuses access ({error.str()}). Grant the consumer's user Read on the topic and the group.")
    if code == KafkaError.UNSUPPORTED_VERSION:
        raise Stop(f"The broker does not speak the group protocol ({error.str()}). Set PULSE_GROUP_PROTOCOL=classic.")
    raise KafkaUnavailable(f"Reading from Kafka: {error.str()}")


def bounds(client: AdminClient, topic: str, partitions: Iterable[int]) -> dict[int, Bounds]:
    """What the log of each partition holds now. KafkaUnavailable if the broker does not say."""
    asked = [TopicPartition(topic, partition) for partition in partitions]
    low = _offsets(client, asked, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    high = _offsets(client, asked, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    return {partition: Bounds(low[partition], high[partition]) for partition in low}


def ends(settings: KafkaSettings, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """How far a reader of each partition can come now, asked by a client of its own: the consumer's is in doubt."""
    asked = [TopicPartition(topic, partition) for partition in partitions]
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    readable = IsolationLevel.READ_COMMITTED  # what an open transaction holds back is not waiting
    return _offsets(kafka.admin(settings), asked, latest, request_timeout=_ENDS_SECONDS, isolation_level=readable)


def _offsets(client: AdminClient, asked: list[TopicPartition], spec: OffsetSpec, **options: Any) -> dict[int, int]:
    try:
        futures = client.list_offsets(
            dict.fromkeys(asked, spec), **{"request_timeout": kafka.ADMIN_TIMEOUT_SECONDS, **options}
        )
        return {place.partition: future.result().offset for place, future in futures.items()}
    except KafkaException as failed:
        raise KafkaUnavailable(f"Asking for the bounds of the log: {failed.args[0].str()}") from failed
