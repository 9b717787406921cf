"""One simulation from start to end: the only place with the clock, the signals and the order of things.

History first, then live until the asked number of events or a signal; then everything is delivered, and only then
the truth is written, so that it never tells of events that Kafka does not have.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from pulse.adapters import logs
from pulse.errors import SettingsError, Stop
from pulse.settings import SimulatorSettings
from pulse_simulator import rate
from pulse_simulator.faults import Shares
from pulse_simulator.history import History
from pulse_simulator.ledger import Ledger
from pulse_simulator.live import Live
from pulse_simulator.model import DAY_MS, Shop
from pulse_simulator.progress import Display, display
from pulse_simulator.records import Record, Scribe
from pulse_simulator.send import Sender
from pulse_simulator.truth import Truth

TICK_SECONDS = 0.02
MOST_PER_TICK = 20_000  # after a pause of the process, so that a signal is still answered at once
_EARLIEST_MS = 946_684_800_000  # 2000-01-01: the contract accepts nothing before


class Simulation:
    """What is simulated, made from the settings; SettingsError if they do not fit together."""

    def __init__(self, settings: SimulatorSettings, now_ms: int) -> None:
        _check(settings)
        self.settings = settings
        self.shop = Shop(settings.seed)
        shares = Shares(
            settings.late_share, settings.duplicate_share, settings.disorder_share, settings.malformed_share
        )
        scribe = Scribe(self.shop, settings.users, shares)
        end = _end_ms(settings, now_ms)
        self.history = History(scribe, shares, settings.seed, settings.users, settings.days, end)
        self.live = Live(scribe, shares, settings.seed, settings.users, settings.rate)


def _check(settings: SimulatorSettings) -> None:
    if not settings.days and not settings.rate:
        raise SettingsError(
            "There is nothing to simulate: give --days for history, --rate for live events, or both "
            "(PULSE_SIM_DAYS, PULSE_SIM_RATE)."
        )
    if settings.events and not settings.rate:
        raise SettingsError(f"--events {settings.events} counts live events and needs --rate (PULSE_SIM_RATE) too.")
    if settings.truth and Path(settings.truth).is_dir():
        raise SettingsError(f"--truth {settings.truth} is a directory. Name a file.")
    if settings.truth and not Path(settings.truth).absolute().parent.is_dir():
        raise SettingsError(f"--truth {settings.truth}: its directory does not exist. Make it, or name another file.")


def _end_ms(settings: SimulatorSettings, now_ms: int) -> int:
    if not settings.end:
        return now_ms
    try:
        end = datetime.fromisoformat(settings.end)
    except ValueError:
        raise SettingsError(f"--end {settings.end!r} is not a time such as 2026-05-31T12:00:00Z.") from None
    end_ms = int((end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp() * 1000)
    if end_ms > now_ms:
        raise SettingsError(f"--end {settings.end} lies in the future, and history cannot. Name an earlier time.")
    if end_ms - settings.days * DAY_MS < _EARLIEST_MS:
        raise SettingsError(f"--end {settings.end} with --days {settings.days} starts before 2000-01-01. Take less.")
    return end_ms


class _Asked:
    """Whether a signal asked to stop."""

    to_stop = False


@contextmanager
def _signals() -> Iterator[_Asked]:
    asked = _Asked()

    def stop(*_: object) -> None:
        asked.to_stop = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(settings: SimulatorSettings) -> None:
    """Simulates, delivers, writes the truth. Raises the errors of pulse.errors; a signal ends it without one."""
    log = logs.configure(settings.log, "simulator")
    simulation = Simulation(settings, time.time_ns() // 1_000_000)
    if settings.truth:
        Path(settings.truth).unlink(missing_ok=True)  # the truth of an earlier run must not pass for this one's
    ledger = Ledger()
    started = time.monotonic()
    with _signals() as asked:
        with Sender(settings.kafka, settings.events_topic, log) as sender, display(settings.log, log) as shown:
            for records in _records(simulation, asked, ledger, shown):
                sender.send(records)
                ledger.add(records)
            sender.flush()
        seconds = time.monotonic() - started
        if settings.truth:
            _write_truth(Truth(ledger, simulation.shop.moments, settings.seed), Path(settings.truth))
    _log_summary(log, settings, ledger, seconds, interrupted=asked.to_stop)


def _records(simulation: Simulation, asked: _Asked, ledger: Ledger, shown: Display) -> Iterator[list[Record]]:
    """Everything there is to send, in order, until the end or a signal."""
    settings = simulation.settings
    if settings.days:
        for hour, records in enumerate(simulation.history):
            yield records
            shown.show(
                "hours of history", min(hour + 1, simulation.history.hours), simulation.history.hours, ledger.records
            )
            if asked.to_stop:
                return
    if settings.rate:
        yield from _live_records(simulation, asked, ledger, shown)


def _live_records(simulation: Simulation, asked: _Asked, ledger: Ledger, shown: Display) -> Iterator[list[Record]]:
    settings = simulation.settings
    start, sent = time.monotonic(), 0
    while not asked.to_stop and not (settings.events and sent >= settings.events):
        due = min(MOST_PER_TICK, rate.due(settings.rate, time.monotonic() - start, sent, settings.events))
        records = simulation.live.records(time.time_ns() // 1_000_000, due)
        sent += due
        if records:
            yield records
        shown.show("live events", sent, settings.events or None, ledger.records)
        if due < MOST_PER_TICK:
            time.sleep(TICK_SECONDS)
    yield simulation.live.remaining_repeats()


def _write_truth(truth: Truth, path: Path) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        truth.write(unfinished)
        unfinished.replace(path)
    except OSError as failed:
        raise Stop(
            f"The events are delivered, but --truth {path} cannot be written: {failed.strerror}. "
            "Make room or name another file, and simulate into a fresh topic."
        ) from failed


def _log_summary(
    log: structlog.stdlib.BoundLogger, settings: SimulatorSettings, ledger: Ledger, seconds: float, *, interrupted: bool
) -> None:
    log.info(
        "simulation_finished",
        topic=settings.events_topic,
        records=ledger.records,
        events=ledger.events,
        duplicates=ledger.repeated,
        malformed=ledger.malformed,
        late=ledger.late,
        seconds=round(seconds, 3),
        records_per_second=round(ledger.records / seconds),
        truth=settings.truth or None,
        interrupted=interrupted,
    )
