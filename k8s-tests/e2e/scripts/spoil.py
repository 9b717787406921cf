"""Sends records that are no events, and prints how many. Runs in the simulator's pod, with its log-in."""

import os

from confluent_kafka import Producer

from pulse.adapters import kafka
from pulse.settings import SimulatorSettings

SPOILED = (
    b"not JSON",
    b"",
    b"\xff\xfe not text",
    b'{"event_type": "page_view", "timestamp": "2026-01-02T03:04:05Z"}',  # nobody's
    b'{"event_type": "page_view", "user_id": "u-1", "timestamp": "yesterday"}',
    b'[{"event_type": "page_view"}]',
)
settings = SimulatorSettings.from_env(os.environ)
producer = Producer(kafka.producer_config(settings.kafka))
for value in SPOILED:
    producer.produce(settings.events_topic, key=b"spoiled", value=value)
undelivered = producer.flush(30)
print(len(SPOILED) - undelivered)
