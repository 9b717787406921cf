"""A pipeline under test: its topics, its migrated database, real consumer processes, and counts of what is where."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from psycopg.conninfo import make_conninfo

from pulse.adapters import kafka
from pulse.plan import Plan
from pulse.settings import (
    ConsumerSettings,
    DatabaseSettings,
    KafkaSettings,
    LogSettings,
    OffsetsSettings,
    TopicSettings,
)

# Every wait of these tests ends at the latest after this; the machines that run them are shared and slow at times.
PATIENCE_SECONDS = 90.0


def logged_in(database: DatabaseSettings, role: str) -> DatabaseSettings:
    """The same database as one of the roles that the migrations made."""
    with psycopg.connect(database.dsn) as connection:
        connection.execute(f"alter role {role} login password 'test'".encode())
    return DatabaseSettings(make_conninfo(database.dsn, user=role, password="test"))


def environment(settings: dict[str, str]) -> dict[str, str]:
    """The environment of a child that has these as its only PULSE_ variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")} | settings


@dataclass
class Pipeline:
    """One pipeline, and the processes that the test started for it."""

    kafka: KafkaSettings
    database: DatabaseSettings  # as its owner: for migrations and for looking
    ingest: DatabaseSettings  # as the consumer: with the rights that the migrations grant
    transform: DatabaseSettings  # as the transformation, likewise
    plan: Plan
    logs: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def topics(self) -> TopicSettings:
        return TopicSettings(self.plan.events.name, self.plan.dlq.name, self.plan.group)

    def settings(self, **changes: Any) -> ConsumerSettings:
        """The consumer's settings, `changes` aside."""
        defaults: dict[str, Any] = {"log": LogSettings("info", "json"), "health_port": 0}
        return ConsumerSettings(self.kafka, self.ingest, self.topics, **{**defaults, **changes})

    def produce(self, values: Iterable[bytes | None], **words: Any) -> None:
        """Sends the values, all acknowledged before it returns. `words` are those of Producer.produce."""
        self.send({"value": value, **words} for value in values)

    def send(self, records: Iterable[dict[str, Any]]) -> None:
        """Sends records, each given by the words of Producer.produce."""
        failures: list[str] = []

        def noted(error: KafkaError | None, _message: Message[bytes, bytes]) -> None:
            if error is not None:
                failures.append(error.str())

        producer = Producer(kafka.producer_config(self.kafka, message_max_bytes=16 * 1024 * 1024, linger_ms=5))
        for record in records:
            producer.produce(self.plan.events.name, on_delivery=noted, **record)
            producer.poll(0)
        assert producer.flush(PATIENCE_SECONDS) == 0
        assert failures == []

    def start_consumer(self, **changes: Any) -> subprocess.Popen[bytes]:
        """A consumer as a process of its own, as an image runs it."""
        return self.start(["-m", "pulse_consumer", "run"], self.settings(**changes).to_env())

    def start(self, words: Sequence[str], settings: dict[str, str]) -> subprocess.Popen[bytes]:
        """A Python process with these settings as its only PULSE_ variables; its output goes to a log file."""
        with (self.logs / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, *words], env=environment(settings), stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def offsets_settings(self) -> OffsetsSettings:
        """For commands on the stored offsets."""
        return OffsetsSettings(self.kafka, self.ingest, self.topics)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.database.dsn) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def execute(self, statement: str) -> None:
        """Changes the database."""
        with psycopg.connect(self.database.dsn) as connection:
            connection.execute(statement.encode())

    def number(self, query: str, *values: Any) -> int:
        """The one number that the query gives; 0 for null."""
        return int(self.rows(query, *values)[0][0] or 0)

    def sums(self) -> dict[str, int]:
        """The ledger raw.batches, added up."""
        names = ("read", "inserted", "duplicate", "conflict", "dead", "skipped")
        row = self.rows(f"select {', '.join(f'coalesce(sum({name}), 0)' for name in names)} from raw.batches")[0]
        return {name: int(value) for name, value in zip(names, row, strict=True)}

    def end_offsets(self) -> dict[int, int]:
        """The offset behind the last record, by partition."""
        with_position = Consumer(kafka.client_config(self.kafka, group_id="count"))
        try:
            return {
                number: with_position.get_watermark_offsets(TopicPartition(self.plan.events.name, number), timeout=20)[
                    1
                ]
                for number in range(self.plan.events.partitions)
            }
        finally:
            with_position.close()

    def stored_offsets(self) -> dict[int, int]:
        """raw.consumer_offsets, by partition."""
        return dict(self.rows("select partition_id, next_offset from raw.consumer_offsets"))  # type: ignore[arg-type]

    def caught_up(self) -> bool:
        """Whether every record in the log is accounted for."""
        stored = self.stored_offsets()
        return all(stored.get(number, 0) == end for number, end in self.end_offsets().items())

    def wait_until_caught_up(self) -> None:
        """Returns when every record of the topic is accounted for in the database."""
        self.wait_for(self.caught_up, lambda: f"stored {self.stored_offsets()}, log {self.end_offsets()}")

    def wait_for(self, condition: Callable[[], bool], describe: Callable[[], object]) -> None:
        """Polls; on expiry it fails with what `describe` says and the end of each process's log."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"still not so: {describe()}\n{self.log_tails()}"
            time.sleep(0.05)

    def log_tails(self) -> str:
        """The last lines of every process."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.logs.glob("*.log")))

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """All that the process wrote."""
        return (self.logs / f"{self.processes.index(process)}.log").read_text()

    def end_of(self, process: subprocess.Popen[bytes]) -> tuple[int, str]:
        """The exit code of a process that ends by itself, and what it wrote."""
        code = process.wait(PATIENCE_SECONDS)
        return code, self.log(process)

    def stop(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit code."""
        process.send_signal(number)
        return process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """Ends what still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
