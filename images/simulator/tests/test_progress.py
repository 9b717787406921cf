"""A person sees a bar, a program reads lines, and neither is flooded."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from pulse.adapters import logs
from pulse.settings import LogSettings
from pulse_simulator.progress import LINE_EVERY_SECONDS, Bar, Lines, display


def test_lines_tell_the_phase_and_the_rate_every_few_seconds() -> None:
    out = io.StringIO()
    now = iter([0.0, 1.0, LINE_EVERY_SECONDS, LINE_EVERY_SECONDS + 1])
    with Lines(logs.configure(LogSettings(format="json"), "simulator", out), lambda: next(now)) as shown:
        for done in (1, 2, 3):
            shown.show("hours of history", done, 24, done * 1000)
    (line,) = [json.loads(text) for text in out.getvalue().splitlines()]
    assert (line["event"], line["phase"]) == ("simulation_progressed", "hours of history")
    assert (line["done"], line["total"], line["records"], line["records_per_second"]) == (2, 24, 2000, 400)


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
