"""The limit of the machine: COPY of the very rows that Pulse packs, straight into the table, and nothing else.

`python -m bench.consumer.limit FILE DSN` copies a file of streams; each is a transaction, as each batch of Pulse is.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
from bench.consumer.contenders import Contender, Source, Started, spawn
from bench.consumer.load import decode, messages
from bench.consumer.table import Table
from bench.servers import Home

from pulse.adapters import kafka
from pulse.events import EventDecoder
from pulse_consumer.rows import COLUMNS, packed, stream

BATCH = 20_000
_length = struct.Struct("!q")
_COPY = f"copy raw.events ({', '.join(name for name, _ in COLUMNS)}) from stdin with (format binary)"


def pack(source: Source, file: Path) -> None:
    """Writes the rows of all events to the file as COPY streams, each with its length before it."""
    topic_id = kafka.topic_id(kafka.admin(source.kafka), source.plan.events.name)
    decoder = EventDecoder()
    rows: list[bytes] = []
    with file.open("wb") as out:

        def flush() -> None:
            if rows:
                made = stream(rows)
                out.write(_length.pack(len(made)) + made)
                rows.clear()

        for message in messages(source.kafka, source.plan.events.name, source.events):
            event = decode(decoder, topic_id, message)
            _, milliseconds = message.timestamp()
            place = (message.partition() or 0, message.offset() or 0)
            rows.append(packed(event, milliseconds * 1000, True, topic_id, *place))
            if len(rows) == BATCH:
                flush()
        flush()


def streams(file: Path) -> Iterator[bytes]:
    """The streams of such a file."""
    with file.open("rb") as source:
        while head := source.read(_length.size):
            yield source.read(*_length.unpack(head))


def copy_all(file: Path, dsn: str) -> None:
    """Copies every stream in a transaction of its own, over one connection."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for one in streams(file):
            with connection.cursor().copy(_COPY) as copy:
                copy.write(one)


def contender(home: Home, file: Path) -> Contender:
    """The limit, started like the sinks; it reads no Kafka and holds no group."""

    def start(_source: Source, table: Table, group: str) -> Started:
        started = Started(home.scratch / group)
        spawn(started, [sys.executable, "-m", "bench.consumer.limit", str(file), table.dsn], {})
        return started

    return Contender("limit: COPY alone", start, safe=False)


if __name__ == "__main__":
    copy_all(Path(sys.argv[1]), sys.argv[2])
