"""How the demo shows what moves: lag and throughput while traffic is live, a bar while a backlog is stored."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pulse_local.figures import Progress as Standing
from pulse_local.output import say

_QUIET_LINE_SECONDS = 5.0


class Meter:
    """Lag and throughput, once a second in one line on a terminal, else now and then as a line of its own."""

    def __init__(self, console: Console) -> None:
        self._status = console.status("") if console.is_terminal else None
        self._last: tuple[float, Standing] | None = None
        self._said = 0.0
        if self._status:
            self._status.start()

    def show(self, standing: Standing) -> None:
        now = time.monotonic()
        if self._last:
            before, earlier = self._last
            line = rates(earlier, standing, now - before)
            if self._status:
                self._status.update(line)
            elif now - self._said > _QUIET_LINE_SECONDS:
                self._said = now
                say(line)
        self._last = now, standing

    def note(self, line: str) -> None:
        say(line)

    def close(self) -> None:
        if self._status:
            self._status.stop()


def rates(before: Standing, after: Standing, seconds: float) -> str:
    """What happened between two looks, in words."""
    produced = (after.written - before.written) / seconds
    stored = (sum(after.stored.values()) - sum(before.stored.values())) / seconds
    return f"lag {after.lag:,}  produced {produced:,.0f}/s  stored {stored:,.0f}/s"


def bar(unit: str) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn(f"{{task.completed:,}} {unit}"))
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
