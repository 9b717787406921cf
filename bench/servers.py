"""A broker and a database server of a benchmark's own; both are gone at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulse_local import ports
from pulse_local.paths import Paths
from pulse_local.processes import Process
from pulse_local.scratch import throw_away_paths
from pulse_local.services import jars, kafka, postgres


@dataclass(frozen=True, slots=True)
class Home:
    """A directory that goes with the benchmark, and the cache that stays."""

    paths: Paths

    @property
    def scratch(self) -> Path:
        return self.paths.home


@contextmanager
def a_home() -> Iterator[Home]:
    """A throw-away home."""
    with throw_away_paths("bench") as paths:
        yield Home(paths)


@contextmanager
def a_broker(home: Home) -> Iterator[kafka.Broker]:
    """A broker that answers."""
    processes: list[Process] = []
    try:
        yield kafka.start(
            home.paths.kafka,
            home.scratch / "kafka.log",
            jars.ensure_jars(home.paths.cache, jars.locked_jars(), print),
            ports.free_port(),
            ports.free_port(),
            on_start=processes.append,
        )
    finally:
        for process in processes:
            kafka.stop(process)


@contextmanager
def a_database(home: Home) -> Iterator[postgres.Server]:
    """A database server that answers."""
    processes: list[Process] = []
    try:
        yield postgres.start(
            home.paths.postgres,
            home.scratch / "postgres.log",
            home.paths.cache,
            ports.free_port(),
            on_start=processes.append,
        )
    finally:
        for process in processes:
            postgres.stop(process)
