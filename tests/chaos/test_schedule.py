"""Schedules are a function of their seed, hold every kind evenly, and pair only what may meet."""

from __future__ import annotations

from collections import Counter

import pytest

from chaos.faults import KINDS
from chaos.schedule import FAULTS_PER_RUN, HOLD_SECONDS, Kind, schedule
from pulse_consumer.failpoints import Edge

RUNS = [schedule(7, run, KINDS) for run in range(50)]


def test_the_same_seed_gives_the_same_schedule_and_another_one_another() -> None:
    assert [schedule(7, run, KINDS) for run in reversed(range(50))] == RUNS[::-1]
    assert schedule(8, 0, KINDS).steps != RUNS[0].steps


def test_the_order_in_which_faults_are_declared_decides_nothing() -> None:
    assert schedule(7, 3, dict(reversed(KINDS.items()))) == RUNS[3]


def test_fifty_runs_hold_a_thousand_faults_and_each_thirty_times_or_more() -> None:
    times = Counter(name for plan in RUNS for name in plan.faults)
    assert set(times) == set(KINDS)
    assert min(times.values()) >= 30
    assert max(times.values()) - min(times.values()) <= 1
    assert sum(times.values()) == 50 * FAULTS_PER_RUN == 1_000


def test_every_failpoint_is_among_the_faults() -> None:
    assert {f"killed-at-{edge.value}" for edge in Edge} <= set(KINDS)


def test_both_protocols_take_turns() -> None:
    assert Counter(plan.protocol for plan in RUNS) == {"consumer": 25, "classic": 25}


def test_only_a_consumers_fault_meets_another_and_comes_before_it() -> None:
    pairs = [step.faults for plan in RUNS for step in plan.steps if len(step.faults) > 1]
    assert len(pairs) > 20
    for (first, _), (second, _) in pairs:
        assert KINDS[first].subject == "consumer"
        assert KINDS[second].subject != "consumer"
        assert not KINDS[first].alone
        assert not KINDS[second].alone


def test_faults_hold_within_the_limits() -> None:
    shortest, longest = HOLD_SECONDS
    assert all(shortest <= step.hold_seconds <= longest for plan in RUNS for step in plan.steps)


@pytest.mark.parametrize("faults", [1, 5, 31])
def test_a_run_has_as_many_faults_as_were_asked_for(faults: int) -> None:
    assert len(schedule(1, 4, KINDS, faults).faults) == faults


def test_a_schedule_tells_what_it_holds() -> None:
    told = str(schedule(3, 2, {"killed": Kind("consumer")}, 2))
    assert told.startswith("seed 3, run 2, protocol consumer")
    assert told.count("killed") == 2
