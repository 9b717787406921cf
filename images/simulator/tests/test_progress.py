"""A person sees a bar, a program reads lines, and neither is flooded."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from pulse.adapters import logs
from pulse.settings import LogSettings
from pulse_simulator.progress import Bar, Lines, display


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_tell_the_phase_and_its_rate_every_few_seconds() -> None:
    out = io.StringIO()
    clock = Clock()
    with Lines(logs.configure(LogSettings(format="json"), "simulator", out), clock) as shown:
        for phase, at, records in (("history", 1, 10), ("history", 5, 2000), ("live", 6, 2000), ("live", 16, 2100)):
            clock.now = at
            shown.show(phase, at, 24, records)
    history, live = [json.loads(text) for text in out.getvalue().splitlines()]
    assert history["event"] == "simulation_progressed"
    assert [history[key] for key in ("phase", "done", "total", "records", "records_per_second")] == [
        "history",
        5,
        24,
        2000,
        400,
    ]
    assert (live["phase"], live["records_per_second"]) == ("live", 10)


def test_the_bar_shows_how_far_each_phase_is() -> None:
    out = io.StringIO()
    with Bar(Console(file=out, force_terminal=True, width=120)) as shown:
        shown.show("hours of history", 12, 24, 3456)
        shown.show("live events", 7, None, 4567)
    text = out.getvalue()
    assert "hours of history" in text
    assert "12/24" in text
    assert "3,456 records" in text
    assert "7/?" in text


def test_without_a_terminal_there_are_lines(capfd: pytest.CaptureFixture[str]) -> None:
    settings = LogSettings(format="auto")
    assert isinstance(display(settings, logs.configure(settings, "simulator")), Lines)
