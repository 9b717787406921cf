"""How Pulse's consumer behaves beside its rate: delay of an event, idle use, recovery from a kill, memory over time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import psycopg
from bench.consumer import contenders, load, measure
from bench.consumer.contenders import Source, Started
from bench.consumer.load import PARTITIONS, messages, simulator
from bench.consumer.table import Table, a_table
from bench.servers import Home
from bench.usage import Usage

from pulse.adapters import kafka
from pulse.errors import Stop
from pulse.plan import plan
from pulse.settings import KafkaSettings
from pulse_consumer import subscription
from pulse_local.services import postgres

_PATIENCE_SECONDS = 120.0
_MIXTURE_ROUNDS = 3
Report = Callable[[str], None]
Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs."""

    home: Home
    kafka: KafkaSettings
    server: postgres.Server
    packer: str


@dataclass(frozen=True, slots=True)
class Stored:
    """raw.consumer_offsets at one moment, by partition: the epoch of the owner, and the next offset."""

    at: float
    epochs: dict[int, int]
    offsets: dict[int, int]


@contextmanager
def _pipeline(bench: Bench, processes: int, **changes: Any) -> Iterator[tuple[Source, Table, Started]]:
    """Fresh topics and a fresh table with consumers that hold all partitions."""
    topics = plan(f"b{uuid.uuid4().hex[:8]}", partitions=PARTITIONS)
    kafka.create_topics(kafka.admin(bench.kafka), topics.topics)
    source = Source(bench.kafka, topics, "", 0)
    with a_table(bench.server) as table:
        started = contenders.pulse(bench.home, processes, bench.packer, **changes).start(source, table, topics.group)
        try:
            _until(started, lambda: len(_stored(table).offsets) == PARTITIONS)
            yield source, table, started
        finally:
            started.stop()


def _stored(table: Table, connection: psycopg.Connection[Any] | None = None) -> Stored:
    if connection is None:
        with psycopg.connect(table.dsn, autocommit=True) as own:
            return _stored(table, own)
    rows = connection.execute("select partition_id, epoch, next_offset from raw.consumer_offsets").fetchall()
    return Stored(time.time(), {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows})


def _until(started: Started, holds: Callable[[], bool], pause: float = 0.05) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise Stop(f"It did not come so far in {_PATIENCE_SECONDS:.0f} s:\n{started.last_words()}")
        time.sleep(pause)


@contextmanager
def _traffic(source: Source, rate: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pulse_simulator"], env=simulator(source.kafka, source.plan.events.name, rate=rate)
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def delay(bench: Bench, rate: int, seconds: float) -> list[Line]:
    """From the broker's timestamp of an event to the first look, every 10 ms, that finds its transaction committed."""
    looks: list[Stored] = []
    with _pipeline(bench, 1) as (source, table, started):
        with _traffic(source, rate), psycopg.connect(table.dsn, autocommit=True) as connection:
            _until(started, lambda: sum(_stored(table).offsets.values()) > rate)
            looks.append(_stored(table, connection))
            closes = time.monotonic() + seconds
            while time.monotonic() < closes:
                time.sleep(0.01)
                looks.append(_stored(table, connection))
        _until(
            started,
            lambda: (
                _stored(table).offsets == subscription.ends(source.kafka, source.plan.events.name, range(PARTITIONS))
            ),
        )
        looks.append(_stored(table))
        found = _delays(source, looks)
    cuts = quantiles(found, n=100)
    words = f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, longest {max(found) * 1000:.0f} ms"
    return [(f"event to visible row at {rate:,} events/s, {len(found):,} events", words)]


def _delays(source: Source, looks: list[Stored]) -> list[float]:
    """For every event between the first look and the last but one; the last only says that all is there."""
    first, last = looks[0].offsets, looks[-2].offsets
    total = sum(looks[-1].offsets.values())
    cursor = dict.fromkeys(range(PARTITIONS), 0)
    found = []
    for message in messages(source.kafka, source.plan.events.name, total):
        partition, offset = message.partition() or 0, message.offset() or 0
        if not first[partition] <= offset < last[partition]:
            continue
        while looks[cursor[partition]].offsets[partition] <= offset:
            cursor[partition] += 1
        found.append(looks[cursor[partition]].at - message.timestamp()[1] / 1000)
    return found


def mixture(bench: Bench, events: int, share: float) -> list[Line]:
    """A topic in which `share` of the records is bad and as many are repeats, read whole beside a clean one as long."""
    clean = load.simulated(bench.kafka, f"c{uuid.uuid4().hex[:8]}", events)
    mixed = load.simulated(bench.kafka, f"m{uuid.uuid4().hex[:8]}", events, bad=share, repeated=share)
    one = contenders.pulse(bench.home, 1, bench.packer)
    paces: dict[str, list[float]] = {clean.pipeline: [], mixed.pipeline: []}
    for _ in range(_MIXTURE_ROUNDS):
        for topics in (clean, mixed):
            with a_table(bench.server) as table:
                seconds = measure.read_all(one, Source(bench.kafka, topics, "", events), table)
                accounts = _accounts(table)
                paces[topics.pipeline].append(accounts["read"] / seconds)
    plain, with_others = median(paces[clean.pipeline]), median(paces[mixed.pipeline])
    words = ", ".join(f"{count:,} {name}" for name, count in accounts.items())
    return [
        (
            f"{share:.0%} bad and {share:.0%} repeated records, from process start",
            f"{with_others:,.0f} records/s, {with_others / plain:.2f} of {plain:,.0f} without them ({words})",
        )
    ]


def _accounts(table: Table) -> dict[str, int]:
    """What became of all records read. Stop if they do not add up."""
    names = ("read", "inserted", "duplicate", "conflict", "dead")
    with psycopg.connect(table.dsn, autocommit=True) as connection:
        sums = ", ".join(f"sum({name})" for name in names)
        row = connection.execute(f"select {sums} from raw.batches".encode()).fetchone() or ()
    found = {name: int(count) for name, count in zip(names, row, strict=True)}
    if found["read"] != sum(found[name] for name in names[1:]):
        raise Stop(f"The records of the mixture do not add up: {found}.")
    return found


def idle(bench: Bench, seconds: float) -> list[Line]:
    """Core time of a consumer that has nothing to do."""
    with _pipeline(bench, 1) as (_, _, started):
        usage = Usage([process.pid for process in started.processes])
        time.sleep(5)
        before = usage.core_seconds()
        time.sleep(seconds)
        share = (usage.core_seconds() - before) / seconds
    return [(f"core of an idle consumer, over {seconds:.0f} s", f"{share:.1%}")]


def kill(bench: Bench, protocol: str, rate: int) -> list[Line]:
    """SIGKILL to one of two consumers: until its partitions have a new owner, and from there to its first new row."""
    with _pipeline(bench, 2, group_protocol=protocol) as (source, table, started), _traffic(source, rate):
        _until(started, lambda: _shared(started) and min(_stored(table).offsets.values()) > 0)
        time.sleep(3)
        victim = started.processes.pop()
        left = _owned(started, victim)
        before = _stored(table)
        killed = time.time()
        victim.kill()
        victim.wait()
        taken = _first(table, lambda now: all(now.epochs[one] > before.epochs[one] for one in left))
        moved = _first(table, lambda now: any(now.offsets[one] > taken.offsets[one] for one in left))
    words = f"{taken.at - killed:.1f} s until reassigned, then {moved.at - taken.at:.2f} s"
    return [(f"SIGKILL to first new row of its partitions, {protocol} protocol, session timeout 6 s", words)]


def _first(table: Table, holds: Callable[[Stored], bool]) -> Stored:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with psycopg.connect(table.dsn, autocommit=True) as connection:
        while not holds(now := _stored(table, connection)):
            if time.monotonic() > deadline:
                raise Stop(f"The partitions of a killed consumer did not move on in {_PATIENCE_SECONDS:.0f} s: {now}")
            time.sleep(0.02)
    return now


def _owned(started: Started, process: subprocess.Popen[bytes]) -> list[int]:
    """The partitions that the process said to hold, last."""
    lines = [json.loads(line) for line in started.log(process).read_text().splitlines() if "partitions_changed" in line]
    return list(lines[-1]["owned"]) if lines else []


def _shared(started: Started) -> bool:
    return all(_owned(started, process) for process in started.processes)


def soak(bench: Bench, minutes: float, rate: int, report: Report) -> list[Line]:
    """Memory, connections and temporary tables of one consumer under steady load, at its start and its end."""
    seen: list[tuple[float, int, int]] = []
    with _pipeline(bench, 1) as (source, table, started), _traffic(source, rate):
        usage = Usage([process.pid for process in started.processes])
        _until(started, lambda: sum(_stored(table).offsets.values()) > 10 * rate)
        closes = time.monotonic() + minutes * 60
        while time.monotonic() < closes:
            usage.look()
            seen.append((usage.memory[-1], *_held(table)))
            if len(seen) % 12 == 0:
                report(f"  soak: {len(seen) * 5 / 60:.0f} min, {seen[-1][0]:.0f} MiB")
            time.sleep(5)
        rows = sum(_stored(table).offsets.values())
    tenth = max(1, len(seen) // 10)
    early, late = (max(one[0] for one in part) for part in (seen[:tenth], seen[-tenth:]))
    words = f"{early:.0f} MiB in the first tenth, {late:.0f} in the last, {usage.peak_mib:.0f} at most; "
    words += f"connections {seen[0][1]} and {seen[-1][1]}, temporary tables {seen[0][2]} and {seen[-1][2]}"
    return [(f"memory over {minutes:.0f} min, {rows / 1e6:.1f} M events", words)]


def _held(table: Table) -> tuple[int, int]:
    """Connections of consumers, and temporary tables."""
    with psycopg.connect(table.dsn, autocommit=True) as connection:
        row = connection.execute(
            "select (select count(*) from pg_stat_activity where application_name = 'pulse-consumer'),"
            " (select count(*) from pg_class where relpersistence = 't' and relkind = 'r')"
        ).fetchone()
    return (row[0], row[1]) if row else (0, 0)
