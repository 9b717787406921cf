"""Quix Streams' Postgres sink: from the flat topic into raw.events, a repeat of an event_id left out.

Runs in an environment of its own (requirements.txt beside it). Words: brokers, topic, group, host, port, user,
password, database.
"""

from __future__ import annotations

import sys

from psycopg2.extensions import AsIs
from quixstreams import Application
from quixstreams.sinks.community.postgresql import PostgreSQLSink

# The sink leaves fields without a value out and takes its columns from the first row of a batch: only a value that
# becomes NULL by itself keeps a row's columns complete.
NULL = AsIs("NULL")


def main() -> None:
    brokers, topic, group, host, port, user, password, database = sys.argv[1:]
    application = Application(
        broker_address=brokers,
        consumer_group=group,
        auto_offset_reset="earliest",
        loglevel="WARNING",
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
    )
    sink = PostgreSQLSink(
        host=host,
        port=int(port),
        dbname=database,
        user=user,
        password=password,
        table_name="events",
        schema_name="raw",
        schema_auto_update=False,
        include_metadata=False,
        on_conflict_do_nothing=True,
    )
    stream = application.dataframe(application.topic(topic, value_deserializer="json"))
    stream.apply(lambda value: {name: NULL if field is None else field for name, field in value.items()}).sink(sink)
    application.run()


if __name__ == "__main__":
    main()
