"""How the replicas follow traffic: idle and awake, a backlog in time, room to spare, fewer after a while."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kit.group import PARTITIONS, Group, saturated

from pulse_operator.scaling import Reason
from pulse_operator.scaling.levels import Traffic, busiest_rate


def test_an_idle_pipeline_goes_to_zero() -> None:
    group = Group(1, minimum=0)
    group.polls(3, 100, 100)
    assert [group.poll().replicas for _ in range(30)] == [1] * 29 + [0]


def test_without_leave_to_go_to_zero_one_stays() -> None:
    group = Group(1, minimum=1)
    assert group.polls(100).replicas == 1


def test_traffic_however_small_is_not_idle() -> None:
    group = Group(1, minimum=0)
    for _ in range(100):
        group.move(0, 1, 1)
        assert group.poll().replicas == 1


def test_the_first_record_wakes_it() -> None:
    group = Group(1, minimum=0)
    assert group.polls(40).replicas == 0
    group.move(5, written=1)
    decision = group.see()
    assert (decision.replicas, decision.reason) == (1, Reason.COLD_START)


def test_markers_of_transactions_neither_keep_it_up_nor_wake_it() -> None:
    group = Group(1, minimum=0)
    group.polls(3, 100, 100)
    for number in group.offsets:
        group.move(number, written=2)
    assert group.polls(40).replicas == 0
    decision = group.polls(40)
    assert (decision.replicas, decision.reason, decision.lag) == (0, Reason.IDLE, 2 * PARTITIONS)


def test_who_remembers_nothing_and_sees_a_record_starts_one() -> None:
    group = Group(0, minimum=0)
    group.move(0, written=1)
    assert group.see().replicas == 1


def test_a_stalled_partition_is_never_left_without_a_pod() -> None:
    group = Group(1, minimum=0)
    group.move(3, written=5_000)
    for _ in range(100):
        assert group.poll().replicas == 1


def behind(records: int, written: float, read: float) -> Group:
    """A group with a backlog that may not scale for 90 s, so that the averages know how it fares, and then may."""
    group = Group(1, target_lag_per_replica=10_000_000, maximum=1)
    group.backlog(records)
    group.see()
    group.polls(9, written, read)
    group.policy = replace(group.policy, maximum=None)
    return group


def test_a_backlog_that_drains_too_slowly_gets_what_drains_it_in_time() -> None:
    group = behind(9_000_000, 40_000, 50_000)
    decision = group.until_changed(40_000, 50_000)  # 40,000 + 8,100,000 / 300 = 67,000 a second are wanted
    assert (decision.replicas, decision.reason) == (2, Reason.DRAIN_TOO_SLOW)
    assert "s to drain" in decision.message


def test_a_backlog_that_drains_in_time_is_left_alone() -> None:
    group = behind(9_000_000, 10_000, 50_000)
    decision = group.polls(3, 10_000, 50_000)
    assert (decision.replicas, decision.reason) == (1, Reason.STEADY)
    assert decision.drain_seconds == pytest.approx((9_000_000 - 12 * 400_000) / 40_000, rel=0.01)


def test_the_drain_time_is_unknown_while_the_backlog_grows() -> None:
    group = Group(12)
    group.backlog(10_000)
    assert group.polls(3, 20_000, 10_000).drain_seconds is None


def test_traffic_near_capacity_gets_more_before_there_is_lag() -> None:
    group = saturated()
    decision = group.until_changed(57_000, 57_000)
    assert (decision.replicas, decision.reason, decision.lag) == (2, Reason.TRAFFIC_NEAR_CAPACITY, 0)


def test_fewer_must_be_enough_for_a_while() -> None:
    group = saturated(4)
    decisions = [group.poll(20_000, 20_000) for _ in range(70)]
    first = next(d for d in decisions if d.replicas < 4)
    assert (first.replicas, first.reason) == (1, Reason.SCALE_DOWN)
    assert decisions.index(first) >= 60
    assert decisions[30].reason is Reason.SCALE_DOWN_DELAY


def test_one_busy_minute_begins_the_wait_again() -> None:
    group = saturated(4)
    group.polls(50, 20_000, 20_000)
    group.polls(6, 160_000, 160_000)
    assert group.polls(50, 20_000, 20_000).replicas == 4


def test_fewer_replicas_must_have_room_to_spare() -> None:
    group = saturated(2)
    assert group.polls(100, 45_000, 45_000).replicas == 2  # 75 % of what one could do


def test_a_hot_partition_keeps_the_replicas_that_it_needs() -> None:
    group = saturated(6)
    for _ in range(100):
        for number in group.offsets:
            group.move(number, *[300_000 if number == 0 else 30_000] * 2)
        group.poll()
    # Of 42,000 a second that a replica may get, this partition takes 30,000: four others fit beside it, not seven.
    assert group.replicas == 3


def test_the_busiest_replica_has_the_hottest_partition_among_its_own() -> None:
    traffic = Traffic(partitions=12, per_second=62_000, hottest=40_000)
    assert [busiest_rate(replicas, traffic) for replicas in (1, 2, 12)] == [62_000, 50_000, 40_000]


@pytest.mark.parametrize(("traffic", "replicas"), [(12_000, 1), (36_000, 2), (144_000, 3), (720_000, 12)])
def test_who_was_never_seen_at_its_limit_is_trusted_step_by_step(traffic: int, replicas: int) -> None:
    group = Group(12 if traffic != 144_000 else 4)
    group.polls(400, traffic, traffic)
    assert group.replicas == replicas


def test_a_slower_database_lowers_what_a_replica_is_trusted_with() -> None:
    group = saturated(2)
    group.policy = replace(group.policy, maximum=2)
    group.backlog(50_000_000)
    group.polls(20, 50_000, 50_000)
    assert group.memory.capacity == pytest.approx(25_000, rel=0.05)
