"""Prints, as one line of JSON, what Kafka and Postgres answer to a consumer that reaches for another pipeline's data.

Runs in a consumer's pod, with its log-in; the words are the other's topic and database.
"""

import json
import os
import sys

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from pulse.adapters import kafka
from pulse.settings import ConsumerSettings

TABLES = ("raw.events", "raw.consumer_offsets")
settings = ConsumerSettings.from_env(os.environ)
topic, database = sys.argv[1:]


def read_topic() -> str:
    config = {**kafka.client_config(settings.kafka), "group.id": settings.topics.group, "enable.auto.commit": False}
    reader = Consumer(config)
    reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    try:
        record = reader.poll(30)
    finally:
        reader.close()
    if record is None:
        return "no answer"
    return str(record.error().name()) if record.error() else "a record"


def read_database() -> str:
    try:
        with psycopg.connect(settings.database.dsn, dbname=database) as connection:
            for table in TABLES:
                connection.execute(f"select count(*) from {table}")  # noqa: S608
    except psycopg.Error as refused:
        return f"{refused.sqlstate or type(refused).__name__}: {refused}".strip()
    return "rows"


print(json.dumps({"topic": read_topic(), "database": read_database()}))
