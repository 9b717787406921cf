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
    try:
        refused = reader.list_topics(topic, timeout=30).topics[topic].error
        if refused is not None:
            return str(refused.name())
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        record = reader.poll(30)
        return "no answer" if record is None else "a record"
    finally:
        reader.close()


def read_database() -> str:
    try:
        with psycopg.connect(settings.database.dsn, dbname=database) as connection:
            for table in TABLES:
                connection.execute(f"select count(*) from {table}")  # noqa: S608
    except psycopg.Error as refused:
        return f"{refused.sqlstate or type(refused).__name__}: {refused}".strip()
    return "rows"


print(json.dumps({"topic": read_topic(), "database": read_database()}))
