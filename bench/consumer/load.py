"""The topics of the benchmark: events of the simulator, and the same events as flat documents for the other sinks.

The others cannot look into `metadata` or derive what the contract derives. They get documents whose fields are the
columns of the table, so they have less to do than Pulse.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from pulse.adapters import kafka
from pulse.errors import Stop
from pulse.events import Event, EventDecoder
from pulse.plan import Plan, Topic, plan
from pulse.settings import KafkaSettings, SimulatorSettings
from pulse_consumer import subscription

PARTITIONS = 6
# What the other sinks write; the rest of the table's columns have defaults while they do.
FLAT_COLUMNS = (
    "event_id",
    "event_type",
    "user_id",
    "event_timestamp",
    "page",
    "product_id",
    "category",
    "price",
    "search_query",
    "funnel_step_index",
    "funnel_complete",
    "session_id",
    "anonymous_id",
    "properties",
)

Report = Callable[[str], None]


def simulated(settings: KafkaSettings, name: str, events: int, *, bad: float = 0.0, repeated: float = 0.0) -> Plan:
    """Topics named `name`-events and -dlq; the first holds so many events of the simulator, sent as fast as it can."""
    pipeline = plan(name, partitions=PARTITIONS)
    kafka.create_topics(kafka.admin(settings), pipeline.topics)
    env = simulator(settings, pipeline.events.name, events=events, bad=bad, repeated=repeated)
    subprocess.run([sys.executable, "-m", "pulse_simulator"], env=env, check=True)
    return pipeline


def simulator(
    settings: KafkaSettings,
    topic: str,
    *,
    rate: int = 1_000_000,
    events: int = 0,
    bad: float = 0.0,
    repeated: float = 0.0,
) -> dict[str, str]:
    """The environment of a simulator that sends live events into the topic: so many, or without end for 0."""
    env = {
        "PULSE_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "PULSE_EVENTS_TOPIC": topic,
        "PULSE_SIM_USERS": "50000",
        "PULSE_SIM_RATE": str(rate),
        "PULSE_SIM_EVENTS": str(events),
        "PULSE_SIM_LATE_SHARE": "0",
        "PULSE_SIM_DISORDER_SHARE": "0",
        "PULSE_SIM_DUPLICATE_SHARE": str(repeated),
        "PULSE_SIM_MALFORMED_SHARE": str(bad),
        "PULSE_LOG_LEVEL": "error",
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PULSE_")}
    return inherited | SimulatorSettings.from_env(env).to_env()


def flattened(settings: KafkaSettings, source: Plan, events: int, report: Report) -> str:
    """A topic with the first `events` events of the source as flat documents, in the same partitions. Its name."""
    name = f"{source.pipeline}-flat"
    kafka.create_topics(kafka.admin(settings), [Topic(name, PARTITIONS, 1, {"retention.ms": "-1"})])
    producer = Producer(kafka.producer_config(settings, linger_ms=20, queue_buffering_max_messages=200_000))
    topic_id = kafka.topic_id(kafka.admin(settings), source.events.name)
    decoder = EventDecoder()
    shown = time.monotonic()
    for number, message in enumerate(messages(settings, source.events.name, events)):
        document = flat_document(decode(decoder, topic_id, message))
        while True:
            try:
                producer.produce(name, document, message.key(), partition=message.partition() or 0)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            report(f"  {number + 1:,} of {events:,} flat documents")
    if producer.flush(120):
        raise Stop("The broker did not take all flat documents within two minutes.")
    return name


def messages(settings: KafkaSettings, topic: str, count: int) -> Iterator[Message[bytes, bytes]]:
    """The first `count` messages of the topic as they come. Stop if they do not come."""
    consumer = Consumer(
        kafka.client_config(
            settings,
            group_id="bench-load",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_queue_backoff_ms=5,
        )
    )
    consumer.assign([_start(topic, number) for number in range(PARTITIONS)])
    left, deadline = count, time.monotonic() + 60
    try:
        while left:
            for message in consumer.consume(min(left, 5_000), 1.0):
                error = message.error()
                if error is not None:
                    subscription.raise_for(error)
                    continue
                left -= 1
                deadline = time.monotonic() + 60
                yield message
            if time.monotonic() > deadline:
                raise Stop(f"{topic} gives no more records, and {left} of {count} are missing.")
    finally:
        consumer.close()


def _start(topic: str, partition: int) -> TopicPartition:
    return TopicPartition(topic, partition, 0)


def decode(decoder: EventDecoder, topic_id: bytes, message: Message[bytes, bytes]) -> Event:
    """The event of a record that is known to be good."""
    _, milliseconds = message.timestamp()
    return decoder.decode(
        message.value(), milliseconds * 1000, topic_id, message.partition() or 0, message.offset() or 0
    )


def flat_document(event: Event) -> bytes:
    """The event as one flat JSON object, its fields named and worded as the columns take them."""
    when = datetime.fromtimestamp(event.event_us / 1e6, UTC).isoformat(timespec="microseconds")
    cents = event.price_cents
    identity = event.event_id.hex()
    values = (
        f"{identity[:8]}-{identity[8:12]}-{identity[12:16]}-{identity[16:20]}-{identity[20:]}",
        event.event_type,
        event.user_id,
        when,
        event.page,
        event.product_id,
        event.category,
        None if cents is None else f"{cents // 100}.{cents % 100:02d}",
        event.search_query,
        event.funnel_step_index,
        event.funnel_complete,
        event.session_id,
        event.anonymous_id,
        None if event.properties is None else event.properties.decode(),
    )
    return msgspec.json.encode(dict(zip(FLAT_COLUMNS, values, strict=True)))
