"""Who is measured: how each is started on a topic and a table, and whether it may read everything twice."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.consumer.load import FLAT_COLUMNS
from bench.consumer.table import Table
from bench.servers import Home

from pulse.errors import Stop
from pulse.plan import Plan
from pulse.settings import ConsumerSettings, DatabaseSettings, KafkaSettings, LogSettings, TopicSettings
from pulse_local import ports
from pulse_local.services.postgres import ADMIN

_PEERS = Path(__file__).parent / "peers"
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a run reads: the events as Pulse takes them, and the same ones as flat documents."""

    kafka: KafkaSettings
    plan: Plan
    flat: str
    events: int


@dataclass(slots=True)
class Started:
    """The processes of a contender, and the Kafka group and topic that tell how far it is; the limit has neither."""

    directory: Path
    group: str = ""
    topic: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def log(self, process: subprocess.Popen[bytes]) -> Path:
        """What this process wrote."""
        return self.directory / f"{process.pid}.log"

    def last_words(self) -> str:
        """The end of what each wrote."""
        return "\n".join(self.log(process).read_text(errors="replace")[-2000:] for process in self.processes)

    def check(self) -> None:
        """Stop, with its last words, if one of them has ended."""
        for process in self.processes:
            if process.poll() is not None:
                raise Stop(f"It ended before its time with exit code {process.returncode}:\n{self.last_words()}")

    def stop(self) -> None:
        """Asks all to end, and kills those that do not within half a minute."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


Start = Callable[[Source, Table, str], Started]


@dataclass(frozen=True, slots=True)
class Contender:
    """One line of the table. `start` takes the name of a consumer group of its own."""

    name: str
    start: Start
    safe: bool  # whether reading everything again changes nothing
    note: str = ""
    flat: bool = False  # whether it reads the flat documents


def spawn(started: Started, words: Sequence[str], env: Mapping[str, str]) -> None:
    """Starts a process in the directory of the run, without Pulse's settings of the shell."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
    started.directory.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=started.directory, delete=False) as log:
        process = subprocess.Popen(
            list(words),
            env={**inherited, "PYTHONPATH": str(_ROOT), **env},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=started.directory,
        )
    Path(log.name).rename(started.log(process))
    started.processes.append(process)


def pulse(home: Home, processes: int, packer: str, **changes: Any) -> Contender:
    """Pulse with every guarantee that it has; `changes` to its settings."""

    def start(source: Source, table: Table, group: str) -> Started:
        started = Started(home.scratch / group, group, source.plan.events.name)
        settings = ConsumerSettings(
            source.kafka,
            DatabaseSettings(table.dsn),
            TopicSettings(source.plan.events.name, source.plan.dlq.name, group),
            LogSettings("info", "json"),
            **{
                "packer": packer,
                "health_port": 0,
                "breaker_ratio": 1.0,
                "session_timeout": timedelta(seconds=6),
                **changes,
            },
        )
        for _ in range(processes):
            spawn(started, [sys.executable, "-m", "pulse_consumer", "run"], settings.to_env())
        return started

    noun = "process" if processes == 1 else "processes"
    return Contender(f"Pulse, {processes} {noun}, {packer} packer", start, safe=True)


def quix(home: Home, python: Path) -> Contender:
    """Quix Streams."""

    def start(source: Source, table: Table, group: str) -> Started:
        started = Started(home.scratch / group, group, source.flat)
        server = table.server
        words = [source.kafka.bootstrap_servers, source.flat, group]
        words += [ports.HOST, str(server.port), ADMIN, server.password, table.database]
        spawn(started, [str(python), str(_PEERS / "quix_sink.py"), *words], {})
        return started

    return Contender("Quix Streams 3.28.1, Postgres sink", start, safe=True, note="on_conflict_do_nothing", flat=True)


def mq_bridge(home: Home, python: Path, mode: str) -> Contender:
    """mq-bridge in one of its two modes."""

    def start(source: Source, table: Table, group: str) -> Started:
        started = Started(home.scratch / group, group, source.flat)
        words = [mode, source.kafka.bootstrap_servers, source.flat, group, table.dsn, ",".join(FLAT_COLUMNS)]
        spawn(started, [str(python), str(_PEERS / "mq_bridge_sink.py"), *words], {})
        return started

    safe = mode == "upsert"
    note = "" if safe else "no conflict clause"
    return Contender(f"mq-bridge 1.2.0, {mode}", start, safe=safe, note=note, flat=True)
