"""What a run was worth, and whether one autoscaler beats another. Counts only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.autoscaler.constants import DRAINED_FOR_SECONDS, DRAINED_RECORDS, FLAP_SECONDS
from bench.autoscaler.scalers import Scaler
from bench.autoscaler.traces import Trace
from bench.autoscaler.world import World


@dataclass(frozen=True, slots=True)
class Score:
    """One run of one autoscaler."""

    drain_seconds: float
    behind_seconds: float
    peak: float
    replica_minutes: float
    events: int
    flaps: int


Scores = Mapping[tuple[str, int], Score]  # by trace and seed


def run(trace: Trace, scaler: Scaler, seed: int) -> World:
    """The world at the end of the trace."""
    world = World(trace, seed)
    scaler(world)
    world.run()
    return world


def scores(traces: Sequence[Trace], scaler: Scaler, seeds: Sequence[int]) -> dict[tuple[str, int], Score]:
    return {(trace.name, seed): score(run(trace, scaler, seed)) for trace in traces for seed in seeds}


def score(world: World) -> Score:
    behind = float(sum(waiting > DRAINED_RECORDS for _, waiting in world.behind))
    disturbed = world.trace.disturbed_at
    return Score(
        drain_seconds=behind if disturbed is None else _drain(world.behind, disturbed),
        behind_seconds=behind,
        peak=max(waiting for _, waiting in world.behind),
        replica_minutes=world.pod_seconds / 60,
        events=len(world.changes),
        flaps=_flaps(world.changes),
    )


def _drain(behind: Sequence[tuple[float, float]], since: float) -> float:
    """From the disturbance to the moment from which on nothing waited for a while; 0 if nothing ever waited."""
    drained: float | None = None
    late = False
    for at, waiting in behind:
        if at < since:
            continue
        if waiting > DRAINED_RECORDS:
            drained, late = None, True
        elif drained is None:
            drained = at
        if drained is not None and late and at - drained >= DRAINED_FOR_SECONDS:
            return drained - since
    return math.inf if late else 0.0


def _flaps(changes: Sequence[tuple[float, int, int]]) -> int:
    """Changes that go back on the one before within FLAP_SECONDS."""
    return sum(
        (b2 - a2) * (b1 - a1) < 0 and at2 - at1 <= FLAP_SECONDS for (at1, a1, b1), (at2, a2, b2) in pairwise(changes)
    )


def failures(ours: Scores, theirs: Scores) -> list[str]:
    """Every promise that `ours` breaks against `theirs`, as a sentence; none if all are kept."""
    broken = [
        f"{trace}, seed {seed}: drained after {mine.drain_seconds:.0f} s, the other after "
        f"{theirs[trace, seed].drain_seconds:.0f} s"
        for (trace, seed), mine in ours.items()
        if mine.drain_seconds > theirs[trace, seed].drain_seconds or math.isinf(mine.drain_seconds)
    ]
    broken += [f"{trace}, seed {seed}: {mine.flaps} flaps" for (trace, seed), mine in ours.items() if mine.flaps]
    events, others = sum(s.events for s in ours.values()), sum(s.events for s in theirs.values())
    if events >= others:
        broken.append(f"{events} scale events, the other {others}")
    minutes, other_minutes = (sum(s.replica_minutes for s in side.values()) for side in (ours, theirs))
    if minutes > other_minutes:
        broken.append(f"{minutes:,.0f} replica-minutes, the other {other_minutes:,.0f}")
    return broken
