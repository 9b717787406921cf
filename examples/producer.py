"""Sends one event to a pipeline, as a program of your own would. Needs confluent-kafka and nothing of Pulse.

docs/sending.md says where the variables come from; producer.yaml runs it in a cluster.
"""
# ruff: noqa: T201 - it prints for whoever tries it

import json
import os
import sys
import uuid
from datetime import UTC, datetime

from confluent_kafka import Producer

event = {
    "event_id": str(uuid.uuid4()),  # made once, where it happened, and kept across retries: then a resend is harmless
    "event_type": "page_view",
    "user_id": "u-1",
    "timestamp": datetime.now(UTC).isoformat(),
    "page": "/welcome",
}
settings = {
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": os.environ["KAFKA_USERNAME"],
    "sasl.password": os.environ["KAFKA_PASSWORD"],
    "ssl.ca.location": os.environ["KAFKA_CA_FILE"],
    "enable.idempotence": True,  # with it every copy of the partition has the record before it counts as sent
    "message.timeout.ms": 30_000,
}
refused = []
producer = Producer(settings)
producer.produce(
    os.environ["KAFKA_TOPIC"],
    key=event["user_id"],  # all events of a user then share a partition, and keep their order
    value=json.dumps(event),
    on_delivery=lambda error, _: refused.append(error) if error else None,
)
unsent = producer.flush(40)
if refused or unsent:
    sys.exit(f"not sent: {refused[0] if refused else 'no answer from the broker'}")
print(f"sent {event['event_id']}")
