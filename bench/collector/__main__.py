"""The collector's throughput and delay beside a real broker on the same machine, and a plain echo as the ceiling.

    python -m bench.collector [--collectors 2] [--seconds 20] [--minutes 10] [--junk-seconds 60]

Prints the tables of docs/benchmarks.md. Fails if an answer to a good event was not 202, if the topic does not hold what
was acknowledged, or if a goal was missed.
"""

from __future__ import annotations

import argparse
import sys
import time

from bench import machine
from bench.collector.report import Report
from bench.collector.running import (
    Load,
    all_taken,
    collectors,
    echoes,
    good_load,
    in_topic,
    loading,
    outcome,
)
from bench.servers import a_broker, a_home
from bench.usage import core_seconds, resident_mib

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import Plan, plan
from pulse.settings import KafkaSettings
from pulse_local import ports

BATCHES = (1, 100)
JUNK_BESIDE_RATE = 500.0  # good requests a second beside the junk
LOOK_SECONDS = 5.0


class Bench:
    """One broker, and ports to listen on."""

    def __init__(self, brokers: KafkaSettings, pipeline: Plan, kafka_pid: int, asked: argparse.Namespace) -> None:
        self._brokers, self._pipeline, self._kafka_pid, self._asked = brokers, pipeline, kafka_pid, asked
        self._ports = [ports.free_port() for _ in range(asked.collectors)]
        self._acknowledged = 0
        self.report = Report()

    def run(self) -> None:
        """All of it, in the order of the tables."""
        seconds, topic = self._asked.seconds, self._pipeline.events.name
        with echoes(self._ports):
            ceilings = {batch: good_load(self._ports, batch, seconds) for batch in BATCHES}
        for batch, found in ceilings.items():
            self._told(f"echo, {batch} in a request", found)
        before = in_topic(self._brokers, self._pipeline)
        with collectors(self._brokers, topic, self._ports) as pids:
            self._took(good_load(self._ports, 10, 3))  # warm
            full = {batch: self._speed(pids, batch, ceilings[batch]) for batch in BATCHES}
            if self._asked.minutes:
                self._memory(pids, full[1].requests_per_second / 2)
        stored = in_topic(self._brokers, self._pipeline) - before
        print(f"acknowledged {self._acknowledged:,}, in the topic {stored:,}")
        if stored != self._acknowledged:
            sys.exit("The topic does not hold what was acknowledged.")
        if self._asked.junk_seconds:
            with collectors(self._brokers, topic, self._ports, rate=5_000.0):
                self._junk()

    def _told(self, what: str, found: Load, cores: tuple[float, float] | None = None) -> None:
        self.report.row(what, found, cores)
        print(self.report.rows[-1], flush=True)

    def _took(self, found: Load) -> Load:
        self._acknowledged += found.acknowledged
        return found

    def _speed(self, pids: list[int], batch: int, ceiling: Load) -> Load:
        """As fast as can be, then at half of that."""
        full = self._measured(pids, f"collector, {batch} in a request", batch, 0)
        half = self._measured(
            pids, f"collector, {batch} in a request, at half of that", batch, full.requests_per_second / 2
        )
        self.report.speed(batch, full, half, ceiling)
        return full

    def _measured(self, pids: list[int], what: str, batch: int, rate: float) -> Load:
        seconds, looked_at = self._asked.seconds, [*pids, self._kafka_pid]
        used = [core_seconds(pid) for pid in looked_at]
        found = self._took(good_load(self._ports, batch, seconds, rate))
        spent = [core_seconds(pid) - was for pid, was in zip(looked_at, used, strict=True)]
        self._told(what, found, (sum(spent[:-1]) / seconds, spent[-1] / seconds))
        return found

    def _memory(self, pids: list[int], rate: float) -> None:
        seconds, samples = self._asked.minutes * 60, []
        print(f"{self._asked.minutes:g} minutes of {rate:,.0f} requests/s, with a look at the memory", flush=True)
        with loading(self._ports, seconds, "--rate", str(rate)) as child:
            while child.poll() is None:
                samples.append(sum(resident_mib(pid) for pid in pids))
                time.sleep(LOOK_SECONDS)
            self._took(all_taken(outcome(child, 1, seconds)))
        self.report.memory(self._asked.minutes, samples)

    def _junk(self) -> None:
        seconds = self._asked.junk_seconds
        print(f"{seconds:g} seconds of good events alone, then as many beside junk", flush=True)
        alone = good_load(self._ports, 1, seconds, JUNK_BESIDE_RATE)
        with loading(self._ports, seconds, "--junk") as child:
            beside = good_load(self._ports, 1, seconds, JUNK_BESIDE_RATE)
            junk = outcome(child, 1, seconds)
        self.report.junk(seconds, alone, beside, junk)


def main() -> int:
    """The benchmark; the exit code."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--collectors", type=int, default=2, help="processes")
    words.add_argument("--seconds", type=float, default=20, help="of each run")
    words.add_argument(
        "--minutes", type=float, default=10, help="of half of the fastest rate, with a look at the memory"
    )
    words.add_argument(
        "--junk-seconds", type=float, default=60, help="of junk from one key beside good events of another"
    )
    asked = words.parse_args()
    print(machine.described(), flush=True)
    with a_home() as home, a_broker(home) as broker:
        pipeline = plan("bench")
        kafka_adapter.create_topics(kafka_adapter.admin(broker.settings), pipeline.topics)
        bench = Bench(broker.settings, pipeline, broker.process.pid, asked)
        try:
            bench.run()
        finally:
            print(bench.report.text())
    return 1 if bench.report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
