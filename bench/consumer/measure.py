"""What is measured of a contender: its rate in a window, and whether it stores everything once, read once or twice."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.consumer.contenders import Contender, Source, Started
from bench.consumer.load import PARTITIONS
from bench.consumer.table import Content, Table, a_table
from bench.usage import Usage

from pulse.errors import Stop
from pulse_consumer import subscription
from pulse_local.services import postgres

WARM_SECONDS = 5.0
START_SECONDS = 90.0  # Connect needs its time


@dataclass(frozen=True, slots=True)
class Rate:
    """One run: rows committed in the window, and what that took from the first row to its end."""

    rows: int
    seconds: float
    sink_core_seconds_per_million: float
    postgres_core_seconds_per_million: float
    peak_mib: float

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "rows_per_second": self.rows_per_second}


@dataclass(frozen=True, slots=True)
class Parity:
    """A topic read from its start to its end, and again by another group into the same table."""

    fresh: Content
    fresh_seconds: float
    again: Content | None
    again_seconds: float


def rate(contender: Contender, source: Source, server: postgres.Server, seconds: float) -> Rate:
    """Rows committed in a window of `seconds` that begins five seconds after the first row."""
    with a_table(server) as table:
        started = contender.start(source, table, f"bench-{uuid.uuid4().hex[:8]}")
        usage, database = Usage([process.pid for process in started.processes]), Usage([server.process.pid])
        try:
            opens = _first_row(started, table) + timedelta(seconds=WARM_SECONDS)
            _sleep_until(opens, usage)
            before = (usage.core_seconds(), database.core_seconds(), table.written())
            _window(started, table, usage, opens + timedelta(seconds=seconds), source.events)
            after = (usage.core_seconds(), database.core_seconds(), table.written())
        finally:
            started.stop()
        rows, length = table.between(opens, seconds)
        if not rows:
            raise Stop(f"{contender.name} had stored all before the window opened: there must be more --events.")
        millions = max(after[2] - before[2], 1) / 1e6
        return Rate(rows, length, (after[0] - before[0]) / millions, (after[1] - before[1]) / millions, usage.peak_mib)


def _first_row(started: Started, table: Table) -> datetime:
    deadline = time.monotonic() + START_SECONDS
    while (found := table.first_write()) is None:
        started.check()
        if time.monotonic() > deadline:
            raise Stop(f"No row came within {START_SECONDS:.0f} s. Its last words:\n{started.last_words()}")
        time.sleep(0.1)
    return found


def _sleep_until(moment: datetime, usage: Usage) -> None:
    while datetime.now(UTC) < moment:
        usage.look()
        time.sleep(0.5)


def _window(started: Started, table: Table, usage: Usage, closes: datetime, events: int) -> None:
    """Returns when the window is over, or earlier when everything is stored."""
    while datetime.now(UTC) < closes:
        usage.look()
        if table.written() >= events:
            return
        if started.group:
            started.check()
        time.sleep(1.0)


def parity(contender: Contender, source: Source, server: postgres.Server) -> Parity:
    """Reads the whole topic into a fresh table; reads it again if that is safe. Times from start to the last commit."""
    with a_table(server) as table:
        fresh_seconds = read_all(contender, source, table)
        fresh = table.content()
        if not contender.safe:
            return Parity(fresh, fresh_seconds, None, 0.0)
        again_seconds = read_all(contender, source, table)
        return Parity(fresh, fresh_seconds, table.content(), again_seconds)


def read_all(contender: Contender, source: Source, table: Table) -> float:
    """Reads the whole topic into the table as a new group; seconds from its start to the last commit told to Kafka."""
    group = f"bench-{uuid.uuid4().hex[:8]}"
    begun = time.monotonic()
    started = contender.start(source, table, group)
    try:
        if not started.group:
            for process in started.processes:
                process.wait()
            return time.monotonic() - begun
        ends = subscription.ends(source.kafka, started.topic, range(PARTITIONS))
        while (at := subscription.committed(source.kafka, started.group, started.topic, range(PARTITIONS))) != ends:
            started.check()
            if time.monotonic() - begun > START_SECONDS + source.events / 1_000:
                raise Stop(f"{contender.name} does not come to the end: committed {at}, the log ends at {ends}.")
            time.sleep(0.2)
        return time.monotonic() - begun
    finally:
        started.stop()
