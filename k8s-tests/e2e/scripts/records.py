"""Prints partition, offset and event_id of every record of the events topic, `-` where there is none.

Runs in a consumer's pod, with its log-in, and reads beside the consumers: it joins no group and commits nothing. What
it knows of an event is JSON alone, so that it does not repeat a mistake of the consumer's.
"""

import json
import os

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from pulse.adapters import kafka
from pulse.settings import ConsumerSettings

settings = ConsumerSettings.from_env(os.environ)
topic = settings.topics.events
reader = Consumer(
    {
        **kafka.client_config(settings.kafka),
        "group.id": settings.topics.group,
        "enable.auto.commit": False,
        "enable.partition.eof": False,
    }
)


def event_id(value: bytes | None) -> str:
    try:
        return str(json.loads(value or b"")["event_id"])
    except (ValueError, KeyError, TypeError):
        return "-"


places = [
    TopicPartition(topic, number, OFFSET_BEGINNING) for number in reader.list_topics(topic).topics[topic].partitions
]
left = {place.partition: reader.get_watermark_offsets(place, timeout=60)[1] for place in places}
reader.assign([place for place in places if left[place.partition]])
while any(left.values()):
    for record in reader.consume(10_000, timeout=10):
        if record.error():
            raise SystemExit(str(record.error()))
        print(record.partition(), record.offset(), event_id(record.value()))
        if record.offset() + 1 >= left[record.partition()]:
            left[record.partition()] = 0
reader.close()
