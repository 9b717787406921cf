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


class Pace:
    """Records per second since the phase began; a live phase is not credited with the history before it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._phase = ""
        self._start = clock()
        self._records_before = self._records = 0

    def __call__(self, phase: str, records: int) -> int:
        now = self._clock()
        if phase != self._phase:
            if self._phase:
                self._start, self._records_before = now, self._records
            self._phase = phase
        self._records = records
        return round((records - self._records_before) / max(0.001, now - self._start))


class Lines:
    """Log lines, no more often than every few seconds."""

    def __init__(self, log: structlog.stdlib.BoundLogger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._pace = Pace(clock)
        self._shown = clock()

    def show(self, phase: str, done: int, total: int | None, records: int) -> None:
        pace = self._pace(phase, records)
        if self._clock() - self._shown >= LINE_EVERY_SECONDS:
            self._shown = self._clock()
            self._log.info(
                "simulation_progressed", phase=phase, done=done, total=total, records=records, records_per_second=pace
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Bar:
    """A progress bar for each phase."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[records]:,} records, {task.fields[pace]:,}/s"),
            TimeElapsedColumn(),
            console=console,
        )
        self._pace = Pace(time.monotonic)
        self._phase = ""

    def show(self, phase: str, done: int, total: int | None, records: int) -> None:
        if phase != self._phase:
            self._phase = phase
            self._task = self._progress.add_task(phase, total=total, records=0, pace=0)
        self._progress.update(self._task, completed=done, records=records, pace=self._pace(phase, records))

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
