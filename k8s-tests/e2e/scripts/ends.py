"""Prints how far each partition of the topic `events` or `dlq` reaches. Runs in a consumer's pod, with its log-in."""

import json
import os
import sys

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from pulse.adapters import kafka
from pulse.settings import ConsumerSettings

settings = ConsumerSettings.from_env(os.environ)
topic = getattr(settings.topics, sys.argv[1])
client = kafka.admin(settings.kafka)
partitions = client.list_topics(topic, timeout=60).topics[topic].partitions
asked = client.list_offsets({TopicPartition(topic, number): OffsetSpec.latest() for number in partitions})
print(json.dumps({place.partition: found.result(60).offset for place, found in asked.items()}))
