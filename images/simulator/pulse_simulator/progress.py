"""How far the simulation is: a bar on a terminal, a JSON log line every few seconds otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pulse.settings import LogSettings

LINE_EVERY_SECONDS = 5.0


class Display(Protocol):
    """What the simulation tells of itself while it goes on."""

    def show(self, phase: str, done: int, total: int | None, records: int) -> None:
        """`done` of `total` hours of history or live events; `total` None means that no end is known."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Lines:
    """Log lines, no more often than every few seconds."""

    def __init__(self, log: structlog.stdlib.BoundLogger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._start = self._shown = clock()

    def show(self, phase: str, done: int, total: int | None, records: int) -> None:
        now = self._clock()
        if now - self._shown >= LINE_EVERY_SECONDS:
            self._shown = now
            rate = round(records / (now - self._start))
            self._log.info(
                "simulation_progressed", phase=phase, done=done, total=total, records=records, records_per_second=rate
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Bar:
    """A progress bar of the phase under way."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[records]:,} records, {task.fields[rate]:,}/s"),
            TimeElapsedColumn(),
            console=console,
        )
        self._start = time.monotonic()
        self._phase = ""

    def show(self, phase: str, done: int, total: int | None, records: int) -> None:
        if phase != self._phase:
            self._phase = phase
            self._task = self._progress.add_task(phase, total=total, records=0, rate=0)
        rate = round(records / max(0.001, time.monotonic() - self._start))
        self._progress.update(self._task, completed=done, records=records, rate=rate)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def display(settings: LogSettings, log: structlog.stdlib.BoundLogger) -> Display:
    """A bar where a person watches, lines where a program reads."""
    if sys.stderr.isatty() and settings.format != "json":
        return Bar(Console(stderr=True))
    return Lines(log)
