"""The situations: what traffic comes, what breaks when, and from when on the drain time counts. Data only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.autoscaler.constants import PARTITIONS, POD_RECORDS_PER_SECOND

Span = tuple[float, float]
NEVER: Span = (math.inf, math.inf)


@dataclass(frozen=True)
class Trace:
    """One situation."""

    name: str
    what: str
    seconds: float
    traffic: Callable[[float], float]  # records per second at a time
    pods: int = 1  # at the start, all at work
    minimum: int = 1
    # When the disturbance begins. None: there is no single one, and all time spent behind counts as drain time.
    disturbed_at: float | None = None
    noise: float = 0.1
    weights: tuple[float, ...] = field(default=(1.0,) * PARTITIONS)
    backlog: float = 0.0  # in each partition at the start
    committed: bool = True  # False: the group never committed
    expired: float = 0.0  # records before the start of each log that were never read
    markers: int = 0  # offsets at the end of each partition that nobody consumes
    stuck: tuple[int, Span] = (-1, NEVER)  # partition, from when to when
    blind: Span = NEVER  # when lag queries fail
    database: float = math.inf  # records per second that the database takes in all


def _steps(*steps: tuple[float, float]) -> Callable[[float], float]:
    """A rate that changes at the given times."""
    return lambda at: next(rate for since, rate in reversed(steps) if at >= since)


def _day(low: float, high: float, seconds: float) -> Callable[[float], float]:
    """One day's rise and fall, pressed into `seconds`."""
    return lambda at: low + (high - low) * (1 - math.cos(2 * math.pi * at / seconds)) / 2


def _ramp(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda at: low + (high - low) * min(1.0, max(0.0, (at - start) / (end - start)))


K = 1_000.0
ONE = POD_RECORDS_PER_SECOND
# One partition gets two fifths of everything.
SKEWED = (0.4 * 11 / 0.6, *(1.0,) * 11)

TRACES: tuple[Trace, ...] = (
    Trace("steady", "two thirds of what one pod can do", 3600, _steps((0, ONE * 2 / 3))),
    Trace("steady, busy", "needs three pods, and starts with four", 3600, _steps((0, 130 * K)), pods=4),
    Trace("diurnal", "a day in two hours, 20k/s to 240k/s", 7200, _day(20 * K, 240 * K, 7200)),
    Trace(
        "flash crowd",
        "40k/s, for five minutes 400k/s",
        3600,
        _steps((0, 40 * K), (600, 400 * K), (900, 40 * K)),
        disturbed_at=600,
    ),
    Trace("step", "40k/s, then 200k/s to the end", 3600, _steps((0, 40 * K), (600, 200 * K)), disturbed_at=600),
    Trace("small step", "40k/s, then 75k/s to the end", 3600, _steps((0, 40 * K), (600, 75 * K)), disturbed_at=600),
    Trace("ramp", "40k/s, in ten minutes to 200k/s", 3600, _ramp(40 * K, 200 * K, 600, 1200)),
    Trace(
        "stuck partition",
        "48k/s; one partition stops for good (the others count)",
        3600,
        _steps((0, 48 * K)),
        disturbed_at=300,
        stuck=(3, (300, math.inf)),
    ),
    Trace(
        "lag-query outage",
        "blind for ten minutes, in which 40k/s become 160k/s",
        3600,
        _steps((0, 40 * K), (600, 160 * K)),
        disturbed_at=600,
        blind=(300, 900),
    ),
    Trace(
        "new pipeline at 0",
        "24 million records wait, no commit, no pod; later idle, then back",
        4800,
        _steps((0, 20 * K), (1500, 0), (3600, 30 * K)),
        pods=0,
        minimum=0,
        disturbed_at=0,
        backlog=2_000 * K,
        committed=False,
    ),
    Trace(
        "expired offsets",
        "five million offsets in each partition are gone, 400k are to be read",
        3600,
        _steps((0, 20 * K)),
        disturbed_at=0,
        backlog=400 * K,
        expired=5_000 * K,
    ),
    Trace(
        "transaction markers",
        "traffic ends; two markers stay at the end of each partition",
        3600,
        _steps((0, 30 * K), (600, 0)),
        minimum=0,
        disturbed_at=600,
        markers=2,
    ),
    Trace(
        "slow database",
        "the database takes 90k/s in all; 80k/s for 20 min",
        5400,
        _steps((0, 40 * K), (600, 120 * K), (1200, 40 * K)),
        disturbed_at=600,
        database=90 * K,
    ),
    Trace(
        "skewed keys",
        "two fifths in one partition; 40k/s, then 110k/s",
        3600,
        _steps((0, 40 * K), (600, 110 * K)),
        disturbed_at=600,
        weights=SKEWED,
    ),
)
