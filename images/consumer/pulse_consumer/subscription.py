"""The Kafka side of the consumer: configuration, records out of messages, the bounds of the log."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from datetime import datetime
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
from pulse.errors import Fenced, KafkaUnavailable, OffsetsDisagree, Stop
from pulse.settings import ConsumerSettings, KafkaSettings
from pulse_consumer.offsets import Bounds, Source
from pulse_consumer.record import Record

# A revoke waits for the batch in flight, and an outage of the database must not cost the membership: taking partitions
# over may try for a minute. A member that has lost an assignment on the way keeps its partitions from all others for so
# long.
MAX_POLL_INTERVAL_MS = 120_000
# A topic that grows is noticed after this by a member of the classic protocol; librdkafka's own rhythm is five minutes.
_METADATA_MS = 15_000
_ENDS_SECONDS = 5.0  # the loop waits for this answer
_TOPIC_ID_SECONDS = 5.0  # and a batch for this one


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
            topic_metadata_refresh_interval_ms=_METADATA_MS,
            fetch_message_max_bytes=max(1_048_576, max_message_bytes),
            queued_min_messages=2 * settings.batch_rows,
            queued_max_messages_kbytes=65_536,
            logger=library_log,
            **protocol,
        )
    )


def records(messages: Iterable[Message[bytes, bytes]]) -> list[Record]:
    """The records among the messages. An error among them is raised as what it means."""
    found: list[Record] = []
    for message in messages:
        error = message.error()
        if error is not None:
            raise_for(error)
            continue
        kind, milliseconds = message.timestamp()
        missing = kind == TIMESTAMP_NOT_AVAILABLE or milliseconds < 0
        # As Record(...) does it, without its own call: that one took half of the time of this loop.
        found.append(
            tuple.__new__(
                Record,
                (
                    message.partition(),
                    message.offset(),
                    None if missing else milliseconds * 1000,
                    kind == TIMESTAMP_LOG_APPEND_TIME,
                    message.key(),
                    message.value(),
                    message.headers(),
                ),
            )
        )
    return found


def raise_for(error: KafkaError) -> None:
    """Raises what the client's error means for the consumer; returns for those that it mends itself."""
    code = error.code()
    if code == KafkaError._PARTITION_EOF:
        return
    if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise OffsetsDisagree(
            f"The log no longer holds the offset that comes next ({error.str()}). "
            "`pulse offsets show` compares all partitions, and `pulse offsets reset --to-beginning` reads what the log "
            "does hold; no event is stored twice."
        )
    if code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
        raise Stop(f"Kafka refuses access ({error.str()}). Grant the consumer's user Read on the topic and the group.")
    if code == KafkaError.UNSUPPORTED_VERSION:
        raise Stop(f"The broker does not speak the group protocol ({error.str()}). Set PULSE_GROUP_PROTOCOL=classic.")
    raise KafkaUnavailable(f"Reading from Kafka: {error.str()}")


def check_topic(client: AdminClient, source: Source) -> None:
    """Fenced unless the topic of this name is still the one that is read. KafkaUnavailable if no broker says.

    The client goes on at its old offset in a topic that was deleted and created again, over all that lies before it.
    Ids never come back, so the old one, seen after records were read, says that they are the old topic's. Only a broker
    that lags behind the one which gave the records out could still tell the old one.
    """
    if kafka.topic_id(client, source.topic, _TOPIC_ID_SECONDS) != source.topic_id:
        raise Fenced(
            f"{source.topic} was deleted and created again while it was read; what was read last is rolled back."
        )


def bounds(settings: KafkaSettings, topic: str, partitions: Iterable[int]) -> dict[int, Bounds]:
    """What the log of each partition holds now. KafkaUnavailable if the broker does not say.

    Asked by a client of its own: one that has lived through a change of leaders asks the old one.
    """
    client = kafka.admin(settings)
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


def offsets_at(settings: KafkaSettings, topic: str, partitions: Iterable[int], moment: datetime) -> dict[int, int]:
    """The first offset of each partition whose record is of this time or later; -1 where there is none."""
    asked = [TopicPartition(topic, partition) for partition in partitions]
    milliseconds = math.ceil(moment.timestamp() * 1000)
    # Consumer.offsets_for_times is no way to ask: it crashed the whole process, with confluent-kafka 2.16.
    spec = OffsetSpec.for_timestamp(milliseconds)
    return _offsets(kafka.admin(settings), asked, spec)


def committed(settings: KafkaSettings, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """The offsets that a Kafka group has committed of these partitions; one without is left out.

    Stop if they may not be read, KafkaUnavailable if no broker says. Asked as a member asks: the question of an admin
    client ends the process when the broker that keeps the group's offsets is not ready (confluentinc/librdkafka#5040).
    """
    client = Consumer({**kafka.client_config(settings, group_id=group, enable_auto_commit=False), **kafka.QUIET})
    question = f"Reading the offsets of group {group}"
    try:
        asked = [TopicPartition(topic, partition) for partition in partitions]
        places = client.committed(asked, timeout=kafka.ADMIN_TIMEOUT_SECONDS)
    except KafkaException as failed:
        raise kafka.refused(failed.args[0], question) from failed
    finally:
        client.close()
    for place in places:
        if place.error is not None:
            raise kafka.refused(place.error, question)
    return {place.partition: place.offset for place in places if place.offset >= 0}


def _offsets(client: AdminClient, asked: list[TopicPartition], spec: OffsetSpec, **options: Any) -> dict[int, int]:
    try:
        futures = client.list_offsets(
            dict.fromkeys(asked, spec), **{"request_timeout": kafka.ADMIN_TIMEOUT_SECONDS, **options}
        )
        return {place.partition: future.result().offset for place, future in futures.items()}
    except KafkaException as failed:
        raise KafkaUnavailable(f"Asking for the bounds of the log: {failed.args[0].str()}") from failed
