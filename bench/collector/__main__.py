"""The collector's throughput and delay beside a real broker on the same machine, and a plain echo as the ceiling.

    python -m bench.collector [--collectors 2] [--seconds 20] [--minutes 0]

Prints a table with the machine and the date, and fails if an answer was not 202 or the topic does not hold what was
acknowledged.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench import machine
from bench.servers import a_broker, a_home
from bench.usage import core_seconds, resident_mib
from confluent_kafka import Consumer, TopicPartition

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import Plan, plan
from pulse.settings import CollectorSettings, KafkaSettings, LogSettings
from pulse_local import ports

CONNECTIONS = 64


@contextmanager
def _processes(commands: list[tuple[list[str], dict[str, str]]], listening: list[int]) -> Iterator[list[int]]:
    """Processes that run until the block ends, by their pids."""
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


def _load(listening: list[int], batch: int, seconds: float, rate: float = 0) -> dict[str, Any]:
    words = ["--ports", ",".join(map(str, listening)), "--batch", str(batch), "--connections", str(CONNECTIONS)]
    words += ["--seconds", str(seconds), "--rate", str(rate)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.collector.load", *words], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    if set(found["statuses"]) != {"202"}:
        sys.exit(f"Not every answer was 202: {found['statuses']}")
    return found


def _in_topic(settings: KafkaSettings, pipeline: Plan) -> int:
    reader = Consumer(kafka_adapter.client_config(settings, group_id="count"))
    try:
        topic = pipeline.events.name
        return sum(
            reader.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[1]
            for number in range(pipeline.events.partitions)
        )
    finally:
        reader.close()


def _collectors(brokers: KafkaSettings, topic: str, listening: list[int]) -> list[tuple[list[str], dict[str, str]]]:
    return [
        (
            ["-m", "pulse_collector"],
            CollectorSettings(
                brokers, LogSettings("warning", "json"), topic, host=ports.HOST, port=port, health_port=0, rate=0.0
            ).to_env(),
        )
        for port in listening
    ]


def _measure(brokers: KafkaSettings, pipeline: Plan, asked: argparse.Namespace, kafka_pid: int) -> None:
    listening = [ports.free_port() for _ in range(asked.collectors)]
    print(f"{'':<34}{'requests/s':>12}{'events/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'cores':>7}{'Kafka':>7}")
    ceilings, fastest = {}, {}
    with _processes([(["-m", "bench.collector.echo", str(port)], {}) for port in listening], listening):
        for batch in (1, 100):
            ceilings[batch] = _row(f"echo, {batch} in a request", batch, _load(listening, batch, asked.seconds))
    with _processes(_collectors(brokers, pipeline.events.name, listening), listening) as pids:
        _load(listening, 10, 3)  # warm
        acknowledged, before = 0, _in_topic(brokers, pipeline)
        for batch in (1, 100):
            for rate in (0.0, 0.5):
                used = [core_seconds(pid) for pid in (*pids, kafka_pid)]
                found = _load(listening, batch, asked.seconds, rate * fastest.get(batch, 0))
                spent = [core_seconds(pid) - was for pid, was in zip((*pids, kafka_pid), used, strict=True)]
                fastest.setdefault(batch, found["requests_per_second"])
                acknowledged += found["statuses"]["202"] * batch
                cores = (sum(spent[:-1]) / asked.seconds, spent[-1] / asked.seconds)
                _row(f"collector, {batch} in a request{', at half of that' if rate else ''}", batch, found, cores)
        for batch in (1, 100):
            print(f"ratio to the echo, {batch} in a request: {fastest[batch] / ceilings[batch]:.2f}")
        if asked.minutes:
            acknowledged += _memory(listening, pids, asked.minutes, fastest[1] / 2)
        stored = _in_topic(brokers, pipeline) - before
    print(f"acknowledged {acknowledged:,}, in the topic {stored:,}")
    if stored != acknowledged:
        sys.exit("The topic does not hold what was acknowledged.")


def _row(what: str, batch: int, found: dict[str, Any], cores: tuple[float, float] | None = None) -> float:
    rate = float(found["requests_per_second"])
    used = "".join(f"{one:>7.2f}" for one in cores or ())
    print(f"{what:<34}{rate:>12,.0f}{rate * batch:>12,.0f}{found['p50_ms']:>9.1f}{found['p99_ms']:>9.1f}{used}")
    return rate


def _memory(listening: list[int], pids: list[int], minutes: float, rate: float) -> int:
    total = 0
    for minute in range(int(minutes)):
        total += int(_load(listening, 1, 59, rate)["statuses"]["202"])
        print(f"minute {minute + 1}: {' '.join(f'{resident_mib(pid):.0f}' for pid in pids)} MiB")
    return total


def main() -> None:
    """The benchmark."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--collectors", type=int, default=2, help="processes")
    words.add_argument("--seconds", type=float, default=20, help="of each run")
    words.add_argument(
        "--minutes", type=float, default=0, help="at half of the fastest rate, with a look at the memory"
    )
    asked = words.parse_args()
    print(machine.described())
    with a_home() as home, a_broker(home) as broker:
        pipeline = plan("bench")
        kafka_adapter.create_topics(kafka_adapter.admin(broker.settings), pipeline.topics)
        _measure(broker.settings, pipeline, asked, broker.process.pid)


if __name__ == "__main__":
    main()
