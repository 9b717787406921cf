"""A collector as a process of its own, and what pages and servers say to it."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Message, TopicPartition

from kit.pipeline import PATIENCE_SECONDS, Pipeline
from pulse.adapters import kafka
from pulse.settings import CollectorSettings, KafkaSettings, LogSettings
from pulse_collector.refusals import REFUSALS
from pulse_local.ports import HOST

JSON = {"Content-Type": "application/json"}
EVENTS = "/v1/events"


class Reply(NamedTuple):
    """What the collector answered; headers with names in lower case."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def code(self) -> str:
        return str(self.told["code"])


def event(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A small valid event with an id of its own."""
    return {
        "event_type": "page_view",
        "user_id": f"user-{number % 50}",
        "timestamp": datetime.now(UTC).isoformat(),
        "event_id": f"018f4e3a-7c1b-7abc-8def-{number:012x}",
        **fields,
    }


class Running:
    """Started, and listening."""

    def __init__(self, pipeline: Pipeline, brokers: KafkaSettings | None = None, **changes: Any) -> None:
        defaults: dict[str, Any] = {"port": 0, "health_port": 0, "host": HOST, "log": LogSettings("info", "json")}
        words = {**defaults, **changes}
        settings = CollectorSettings(kafka=brokers or pipeline.kafka, events_topic=pipeline.plan.events.name, **words)
        self._pipeline = pipeline
        self.process: subprocess.Popen[bytes] = pipeline.start(["-m", "pulse_collector"], settings.to_env())
        pipeline.wait_for(lambda: self._line() is not None or self.process.poll() is not None, lambda: "not started")
        started = self._line()
        assert started is not None, self.log
        self.port, self.health_port = int(started["port"]), int(started["health_port"])

    @property
    def log(self) -> str:
        return self._pipeline.log(self.process)

    def _line(self) -> dict[str, Any] | None:
        lines = [line for line in self.log.splitlines() if '"collector_started"' in line]
        return json.loads(lines[0]) if lines else None

    def connection(self) -> http.client.HTTPConnection:
        """A connection that is kept alive, for many requests."""
        return http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE_SECONDS)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own."""
        connection = self.connection()
        try:
            return asked(connection, method, path, body, headers)
        finally:
            connection.close()

    def post(self, body: object, path: str = EVENTS, **headers: str) -> Reply:
        """Sends JSON, or bytes as they are. `headers` take underscores for hyphens."""
        given = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), given)

    def health(self, path: str) -> tuple[int, str]:
        """What the port of the probes says."""
        connection = http.client.HTTPConnection(HOST, self.health_port, timeout=PATIENCE_SECONDS)
        try:
            found = asked(connection, "GET", path)
        finally:
            connection.close()
        return found.status, found.body.decode()

    def metric(self, name: str) -> float:
        """The sample of this name and these labels, as the page writes it; 0 if it is not there."""
        lines = self.health("/metrics")[1].splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self._pipeline.stop(self.process)


def asked(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request on this connection."""
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    return Reply(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})


def in_topic(pipeline: Pipeline) -> list[Message[bytes, bytes]]:
    """Every record of the events topic, as it is now."""
    ends = pipeline.end_offsets()
    reader = Consumer(kafka.client_config(pipeline.kafka, group_id="look", enable_auto_commit=False))
    try:
        topic = pipeline.plan.events.name
        reader.assign([TopicPartition(topic, number, 0) for number, end in ends.items() if end])
        found: list[Message[bytes, bytes]] = []
        while len(found) < sum(ends.values()):
            found += reader.consume(10_000, timeout=1.0)
        return found
    finally:
        reader.close()


def ids_of(records: Iterable[Message[bytes, bytes]]) -> list[str]:
    """The event_id of each record."""
    return [json.loads(record.value() or b"null")["event_id"] for record in records]


def refusal(reply: Reply, code: str) -> None:
    """The reply is this refusal, with all that belongs to it."""
    assert (reply.status, reply.code) == (REFUSALS[code][0], code), reply
    assert reply.told["reason"]


def resident_kib(running: Running) -> int:
    """The memory of the collector's process."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
