"""The promise of the comparison with KEDA and the HPA, on simulated traffic; and that it could be broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # `bench` is not installed

from bench.autoscaler import scalers
from bench.autoscaler.score import Score, failures, run, score, scores
from bench.autoscaler.traces import TRACES
from bench.autoscaler.world import World

SEEDS = (0, 1, 2)
STEP = next(trace for trace in TRACES if trace.name == "step")


@pytest.fixture(scope="module")
def worlds() -> dict[tuple[str, int], World]:
    """Where Pulse's autoscaler leads each trace."""
    return {(trace.name, seed): run(trace, scalers.pulse, seed) for trace in TRACES for seed in SEEDS}


@pytest.fixture(scope="module")
def keda() -> dict[tuple[str, int], Score]:
    return scores(TRACES, scalers.keda, SEEDS)


def test_no_trace_drains_later_than_with_keda_with_fewer_changes_at_less_cost_and_without_a_flap(
    worlds: dict[tuple[str, int], World], keda: dict[tuple[str, int], Score]
) -> None:
    assert failures({which: score(world) for which, world in worlds.items()}, keda) == []


@pytest.mark.parametrize(
    ("scaler", "complaint"), [(scalers.holding, "step, seed 0: drained after inf s"), (scalers.largest, "replica-min")]
)
def test_who_holds_for_ever_and_who_always_runs_all_fail(
    keda: dict[tuple[str, int], Score], scaler: scalers.Scaler, complaint: str
) -> None:
    theirs = {(name, seed): of for (name, seed), of in keda.items() if seed == 0}
    assert any(complaint in sentence for sentence in failures(scores(TRACES, scaler, [0]), theirs))


def test_a_run_is_the_same_each_time(worlds: dict[tuple[str, int], World]) -> None:
    again = run(STEP, scalers.pulse, 0)
    assert (score(again), again.changes) == (score(worlds["step", 0]), worlds["step", 0].changes)


def test_flaps_of_the_other_are_seen(keda: dict[tuple[str, int], Score]) -> None:
    assert keda["step", 0].flaps > 0


def test_no_record_of_the_simulation_is_read_twice_or_made_up(worlds: dict[tuple[str, int], World]) -> None:
    for world in worlds.values():
        for partition in world.partitions:
            assert partition.start <= partition.read <= partition.end
            assert (partition.committed or 0) <= partition.read
