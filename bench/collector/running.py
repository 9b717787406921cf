"""Collectors, echoes and load as processes of their own, and what the topic holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.collector import traffic
from confluent_kafka import Consumer, TopicPartition

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import Plan
from pulse.settings import CollectorSettings, KafkaSettings, LogSettings
from pulse_local import ports

CONNECTIONS = 256  # with fewer, a request's time and not the work for it would set the rate


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load."""

    batch: int
    seconds: float
    requests: int
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def events_per_second(self) -> float:
        return self.requests_per_second * self.batch

    @property
    def acknowledged(self) -> int:
        """Events that were answered with 202."""
        return self.statuses.get("202", 0) * self.batch


@contextmanager
def echoes(listening: list[int]) -> Iterator[list[int]]:
    """The ceiling."""
    with _processes([(["-m", "bench.collector.echo", str(port)], {}) for port in listening], listening) as pids:
        yield pids


@contextmanager
def collectors(brokers: KafkaSettings, topic: str, listening: list[int], **changes: Any) -> Iterator[list[int]]:
    """Collectors by their pids, with keys and without a limit of the rate unless `changes` have one."""
    settings = [
        CollectorSettings(
            kafka=brokers,
            log=LogSettings("warning", "json"),
            events_topic=topic,
            host=ports.HOST,
            port=port,
            health_port=0,
            keys=traffic.KEYS,
            **{"rate": 0.0, **changes},
        )
        for port in listening
    ]
    with _processes([(["-m", "pulse_collector"], one.to_env()) for one in settings], listening) as pids:
        yield pids


@contextmanager
def _processes(commands: list[tuple[list[str], dict[str, str]]], listening: list[int]) -> Iterator[list[int]]:
    """Processes that run until the block ends."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
    children = [subprocess.Popen([sys.executable, *words], env=base | env) for words, env in commands]
    try:
        deadline = time.monotonic() + 60
        while not all(ports.answers(port) for port in listening):
            if time.monotonic() > deadline:
                sys.exit("A process does not listen.")
            time.sleep(0.1)
        yield [child.pid for child in children]
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(60)


@contextmanager
def loading(listening: list[int], seconds: float, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A load that runs meanwhile, for `outcome` to end; killed if the block ends before it."""
    command = [sys.executable, "-m", "bench.collector.load", "--ports", ",".join(map(str, listening))]
    child = subprocess.Popen(
        [*command, "--connections", str(CONNECTIONS), "--seconds", str(seconds), *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def outcome(child: subprocess.Popen[str], batch: int, seconds: float) -> Load:
    """What came of it, once it has ended."""
    said, _ = child.communicate()
    if child.returncode:
        sys.exit(f"The load ended with exit code {child.returncode}.")
    found = json.loads(said)
    return Load(batch, seconds, found["requests"], found["statuses"], found["p50_ms"], found["p99_ms"])


def good_load(listening: list[int], batch: int, seconds: float, rate: float = 0) -> Load:
    """Good events alone, all of which have to be answered with 202."""
    with loading(listening, seconds, "--batch", str(batch), "--rate", str(rate)) as child:
        return all_taken(outcome(child, batch, seconds))


def all_taken(found: Load) -> Load:
    """The same, if each request was answered with 202; else this ends the benchmark."""
    if set(found.statuses) != {"202"}:
        sys.exit(f"Not every answer was 202: {found.statuses}")
    return found


def in_topic(settings: KafkaSettings, pipeline: Plan) -> int:
    """How many records the events topic holds."""
    reader = Consumer(kafka_adapter.client_config(settings, group_id="count"))
    try:
        topic = pipeline.events.name
        return sum(
            reader.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[1]
            for number in range(pipeline.events.partitions)
        )
    finally:
        reader.close()
