"""What keeps the replicas below what the lag asks for: partitions, the maximum, stalls, a database at its limit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from kit.group import PARTITIONS, Group

from pulse_operator.scaling import Decision, Limit, Reason


def test_there_are_never_more_replicas_than_partitions() -> None:
    group = Group(1, maximum=50)
    group.backlog(100_000_000)
    decision = group.poll(12, 12)
    assert (decision.replicas, decision.limited_by) == (PARTITIONS, Limit.PARTITION_COUNT)
    decision = group.polls(5, 12, 12)
    assert (decision.replicas, decision.reason, decision.limited_by) == (
        PARTITIONS,
        Reason.PARTITION_CAP,
        Limit.PARTITION_COUNT,
    )


def test_there_are_never_more_replicas_than_the_maximum() -> None:
    group = Group(1, maximum=4)
    group.backlog(100_000_000)
    decision = group.poll(12, 12)
    assert (decision.replicas, decision.limited_by) == (4, Limit.MAXIMUM)
    assert group.polls(5, 12, 12).reason is Reason.MAXIMUM_REACHED


@pytest.mark.parametrize(("lag", "replicas"), [(450_000, 4), (650_000, 6), (1_050_000, 6), (1_150_000, 12)])
def test_a_pod_that_takes_nothing_from_the_busiest_is_not_started(lag: int, replicas: int) -> None:
    group = Group(0, minimum=0)
    group.backlog(lag)
    assert group.see().replicas == replicas


def test_no_step_that_leaves_the_busiest_pod_as_it_is() -> None:
    group = Group(6)
    group.backlog(620_000)
    assert group.poll(1_200, 1_200).replicas == 6


def stuck(group: Group, written: float, polls: int) -> Decision:
    """Partition 3 gets records like all others, and nothing of it is committed."""
    decision = group.see()
    for _ in range(polls):
        for number in group.offsets:
            group.move(number, written, 0 if number == 3 else written)
        decision = group.poll()
    return decision


def test_a_stalled_partition_is_left_out_and_reported() -> None:
    group = Group(1)
    decision = stuck(group, 50_000, 20)
    assert decision.lag == 1_000_000
    assert (decision.replicas, decision.stalled, decision.reason) == (1, (3,), Reason.STALLED_PARTITIONS)
    assert "stalled partition 3" in decision.message


def test_a_partition_that_moves_again_counts_again() -> None:
    group = Group(1)
    stuck(group, 50_000, 20)
    group.move(3, 50_000, 10_000)
    decision = group.see()
    assert decision.stalled == ()
    assert decision.replicas > 1


def test_it_takes_a_ready_pod_for_a_partition_to_stall() -> None:
    group = Group(1)
    group.backlog(1_000_000)
    group.ready = 0
    assert [group.see().stalled for _ in range(10)] == [()] * 10


def test_when_nothing_moves_at_all_nothing_is_changed() -> None:
    group = Group(4)
    group.polls(3, 10_000, 10_000)
    decision = group.polls(100, 10_000, 0)
    assert (decision.replicas, decision.reason) == (4, Reason.STALLED_PARTITIONS)
    assert decision.drain_seconds is None


def limited_by_the_database(group: Group, rate: float, polls: int, written: float = 120_000) -> list[Decision]:
    """However many replicas there are, `rate` is all that is read."""
    return [group.poll(written, rate) for _ in range(polls)]


def test_a_scale_up_without_effect_is_undone_and_remembered() -> None:
    group = Group(1)
    decisions = limited_by_the_database(group, 60_000, 60)
    steps = [decision.replicas for decision in decisions]
    raised = steps.index(6)
    undone = steps.index(1, raised)
    assert undone - raised > 30  # sooner it would be a flap
    assert decisions[undone].reason is Reason.INEFFECTIVE_SCALE_UP
    assert set(steps[undone:]) == {1}
    assert (decisions[-1].reason, decisions[-1].limited_by) == (
        Reason.INEFFECTIVE_SCALE_UP,
        Limit.INEFFECTIVE_SCALE_UP,
    )


def test_nothing_more_is_tried_while_the_last_step_is_in_doubt() -> None:
    group = Group(1, correction=1_000)
    steps = [decision.replicas for decision in limited_by_the_database(group, 60_000, 60)]
    assert sorted(set(steps)) == [1, 6]
    assert max(map(abs, (b - a for a, b in pairwise(steps)))) == 5


def test_it_is_undone_only_to_what_the_throughput_needs() -> None:
    group = Group(1)
    decisions = limited_by_the_database(group, 60_000, 3)
    decisions += limited_by_the_database(group, 80_000, 57)  # more than one could do, less than two
    assert decisions[-1].replicas == 2


def test_what_had_no_effect_is_tried_again_after_an_hour() -> None:
    group = Group(1)
    limited_by_the_database(group, 60_000, 60)
    again = [decision.replicas for decision in limited_by_the_database(group, 60_000, 360)]
    assert again.index(PARTITIONS) > 300


def test_a_scale_up_that_helped_stays() -> None:
    group = Group(1)
    decisions = limited_by_the_database(group, 60_000, 3, written=900_000)
    decisions += limited_by_the_database(group, 400_000, 60, written=900_000)
    assert (decisions[-1].replicas, decisions[-1].reason) == (PARTITIONS, Reason.PARTITION_CAP)
