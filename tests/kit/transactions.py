"""A log with offsets that hold no record for a reader: control records, and what a transaction took back."""

from __future__ import annotations

from confluent_kafka import Producer

from kit.documents import numbered
from kit.pipeline import Pipeline
from pulse.adapters import kafka

SECONDS = 30.0


def produce_transactions(pipeline: Pipeline) -> None:
    """Partition 0: five events committed, five given up, five committed, each with its control record, and one more."""
    producer = Producer(kafka.producer_config(pipeline.kafka, transactional_id=pipeline.plan.pipeline))
    producer.init_transactions(SECONDS)
    for number, ends_well in enumerate((True, False, True)):
        producer.begin_transaction()
        for value in numbered(5, first=number * 5):
            producer.produce(pipeline.plan.events.name, value, partition=0)
        producer.flush(SECONDS)
        if ends_well:
            producer.commit_transaction(SECONDS)
        else:
            producer.abort_transaction(SECONDS)
    pipeline.produce(numbered(1, first=100), partition=0)
