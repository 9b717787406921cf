"""A broker and a database server of a benchmark's own; both are gone at its end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulse.settings import CommandSettings
from pulse_local import ports
from pulse_local.paths import Paths, paths_from
from pulse_local.processes import Process
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
    directory = Path(tempfile.mkdtemp(prefix="pulse-bench-"))
    directory.chmod(0o755)  # root's Postgres runs as another user
    command = CommandSettings(home=str(directory), cache=os.environ.get("PULSE_CACHE", ""))
    paths = paths_from(command, os.environ, is_root=os.geteuid() == 0)
    paths.cache.mkdir(parents=True, exist_ok=True)
    try:
        yield Home(paths)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


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
