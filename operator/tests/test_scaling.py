"""One test for each promise of the autoscaler."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from pulse.errors import SettingsError
from pulse_operator.scaling import Decision, Limit, Memory, Mode, Observation, PartitionOffsets, Policy, Reason, decide
from pulse_operator.scaling.levels import Traffic, busiest_rate

PARTITIONS = 12
TARGET = 100_000


class Group:
    """A group that does what it is told: offsets move as the test says, replicas as the decision says."""

    def __init__(self, replicas: int = 1, partitions: int = PARTITIONS, **policy: Any) -> None:
        self.policy = Policy(partitions, **{"target_lag_per_replica": TARGET, **policy})
        self.at, self.replicas, self.ready = 1_000.0, replicas, replicas
        self.offsets = {number: PartitionOffsets(0, 0, 0) for number in range(partitions)}
        self.memory = Memory()

    def see(self, unknown: str = "", seconds: float = 10.0) -> Decision:
        """One poll, the memory carried through its stored form. Its decision is not carried out."""
        self.at += seconds
        seen = Observation(self.at, self.replicas, self.ready, {} if unknown else self.offsets, unknown)
        decision = decide(seen, self.policy, Memory.from_dict(json.loads(json.dumps(self.memory.to_dict()))))
        self.memory = decision.memory
        return decision

    def poll(self, written: float = 0, read: float = 0, seconds: float = 10.0) -> Decision:
        """So many records a second written and read, evenly; then a poll whose decision is carried out at once."""
        for number in self.offsets:
            self.move(number, written * seconds / len(self.offsets), read * seconds / len(self.offsets))
        decision = self.see(seconds=seconds)
        self.ready = min(self.replicas, decision.replicas)  # a new pod is ready one poll later
        self.replicas = decision.replicas
        return decision

    def until_changed(self, written: float = 0, read: float = 0) -> Decision:
        """Polls until the replicas change; half an hour at most."""
        before = self.replicas
        return next(d for d in (self.poll(written, read) for _ in range(180)) if d.replicas != before)

    def polls(self, count: int, written: float = 0, read: float = 0) -> Decision:
        decisions = [self.poll(written, read) for _ in range(count)]
        return decisions[-1]

    def move(self, number: int, written: float = 0, read: float = 0) -> None:
        was = self.offsets[number]
        end = was.end + int(written)
        committed = was.committed
        if read:
            committed = min(end, max(was.committed or 0, was.start) + int(read))
        self.offsets[number] = replace(was, end=end, committed=committed)

    def backlog(self, records: int) -> None:
        for number in self.offsets:
            self.move(number, written=records / len(self.offsets))


def saturated(replicas: int = 1, rate: float = 60_000, **policy: Any) -> Group:
    """A group that has shown what one replica can do, and has no lag any more; twenty minutes ago."""
    group = Group(replicas, maximum=replicas, **policy)
    group.backlog(int(rate * replicas * 60))
    group.poll(rate * replicas, rate * replicas)
    group.polls(2, rate * replicas, rate * replicas)
    group.polls(9, 0, rate * replicas)
    group.polls(7)  # nothing of this is in the averages any more
    assert group.memory.capacity == pytest.approx(rate, rel=0.01)
    group.policy = replace(group.policy, maximum=policy.get("maximum"))
    group.memory = replace(group.memory, low_since=None, low_most=0)
    return group


def test_unknown_lag_holds_the_replicas() -> None:
    group = Group(5)
    decision = group.see("the broker does not answer")
    assert (decision.replicas, decision.reason) == (5, Reason.LAG_UNKNOWN_HOLD)
    assert "the broker does not answer" in decision.message
    assert (decision.lag, decision.drain_seconds) == (None, None)


def test_unknown_lag_without_a_replica_starts_one() -> None:
    decision = Group(0, minimum=0).see("no answer")
    assert (decision.replicas, decision.reason) == (1, Reason.LAG_UNKNOWN_START)


def test_an_answer_without_partitions_is_unknown_too() -> None:
    decision = Group(0, minimum=0)
    decision.offsets = {}
    assert decision.see().reason is Reason.LAG_UNKNOWN_START


def test_time_in_which_lag_was_unknown_is_no_evidence_for_fewer() -> None:
    group = saturated(4)
    group.polls(50, 20_000, 20_000)
    assert group.memory.low_since is not None
    assert group.see("no answer").memory.low_since is None


def test_without_a_commit_the_log_counts_from_its_start() -> None:
    group = Group(0, partitions=10, minimum=0)
    group.offsets = {number: PartitionOffsets(1_000_000, 1_050_000) for number in range(10)}
    decision = group.see()
    assert (decision.lag, decision.replicas, decision.reason) == (500_000, 5, Reason.COLD_START)


def test_offsets_that_the_log_no_longer_has_count_from_its_start() -> None:
    group = Group(1)
    group.offsets = {number: PartitionOffsets(5_000_000, 5_000_100, 17) for number in range(PARTITIONS)}
    assert group.see().lag == 100 * PARTITIONS


def test_records_that_the_log_dropped_were_not_read() -> None:
    group = Group(1)
    group.offsets = {number: PartitionOffsets(0, 5_000_000, 0) for number in range(PARTITIONS)}
    group.see()
    group.offsets = {number: PartitionOffsets(4_000_000, 5_000_000, 4_010_000) for number in range(PARTITIONS)}
    assert group.see().memory.samples[-1].consumed == 10_000 * PARTITIONS


def test_a_peak_is_no_reason() -> None:
    group = Group(1)
    group.polls(5, 20_000, 20_000)
    group.backlog(TARGET + 20_000)
    decision = group.poll(20_000, 20_000)
    assert (decision.replicas, decision.reason) == (1, Reason.STEADY)


def test_lag_that_stands_is() -> None:
    group = Group(1)
    group.polls(5, 70_000, 70_000)
    group.backlog(TARGET + 20_000)
    decision = group.until_changed(70_000, 70_000)
    assert (decision.replicas, decision.reason) == (2, Reason.LAG_ABOVE)


def test_a_steep_rise_is_acted_on_at_once_and_with_what_is_on_its_way() -> None:
    group = Group(1)
    group.polls(5, 24_000, 24_000)
    decision = group.poll(84_000, 24_000)
    assert (decision.replicas, decision.reason) == (12, Reason.LAG_ABOVE)
    assert decision.message == (
        "1 -> 12: lag 600,000, in 20 s 1,800,000 at +60,000/s, is above 100,000 for each of 1; that asks for 18"
    )


def test_lag_that_will_be_gone_before_a_new_pod_could_help_is_left_alone() -> None:
    group = Group(1)
    group.backlog(1_000_000)
    group.policy = replace(group.policy, maximum=1)
    group.poll()
    group.policy = replace(group.policy, maximum=None)
    assert group.poll(0, 50_000).reason is Reason.STEADY


@pytest.mark.parametrize("replicas", [1, 3])
def test_the_group_is_left_alone_after_a_change_whoever_made_it(replicas: int) -> None:
    group = Group(2)
    group.poll()
    group.replicas = group.ready = replicas
    group.backlog(10_000_000)
    assert group.see().reason is Reason.QUIET_AFTER_CHANGE
    assert group.see().reason is Reason.QUIET_AFTER_CHANGE
    group.polls(1, 10, 10)
    assert group.replicas == PARTITIONS


def test_the_group_is_left_alone_while_pods_start() -> None:
    group = Group(2)
    group.poll()
    group.replicas = 4
    group.backlog(10_000_000)
    assert [group.see().reason for _ in range(20)] == [Reason.QUIET_AFTER_CHANGE] * 20


def test_a_step_that_proves_too_small_before_its_pods_join_is_made_larger() -> None:
    group = Group(1)
    group.poll(24_000, 24_000)
    assert group.poll(48_000, 24_000).replicas == 6  # 240,000 now, 720,000 in twenty seconds
    decision = group.poll(144_000, 24_000)
    assert (decision.replicas, decision.reason) == (12, Reason.LAG_ABOVE)
    assert "no pod of the last step has joined yet" in decision.message


def test_a_pod_that_never_gets_ready_does_not_hold_decisions_back_for_ever() -> None:
    group = Group(2)
    group.poll()
    group.replicas = 3
    group.backlog(10_000_000)
    for _ in range(31):
        group.move(0, read=1)
        group.see()
    for number in group.offsets:
        group.move(number, read=1)
    assert group.see().replicas == PARTITIONS


def test_without_a_ready_pod_more_of_them_are_no_help() -> None:
    group = Group(2)
    group.ready = 0
    group.backlog(10_000_000)
    decisions = [group.see() for _ in range(40)]
    assert {decision.replicas for decision in decisions} == {2}
    assert decisions[-1].reason is Reason.PODS_NOT_READY


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


def test_bounds_are_kept_at_once() -> None:
    assert Group(1, minimum=3).see().reason is Reason.BELOW_MINIMUM
    assert Group(9, maximum=3).see().replicas == 3
    assert Group(20).see().limited_by is Limit.PARTITION_COUNT
    assert Group(9, maximum=3).see("no answer").replicas == 3


def test_recommend_says_what_auto_would_do_and_changes_nothing() -> None:
    group = Group(1, mode=Mode.RECOMMEND)
    group.backlog(650_000)
    decision = group.poll(1, 1)
    assert (decision.replicas, decision.recommended, decision.reason) == (1, 6, Reason.RECOMMENDED)
    assert "recommended 1 -> 6 (LagAbove)" in decision.message


def test_off_runs_the_minimum() -> None:
    group = Group(5, mode=Mode.OFF, minimum=2)
    group.backlog(5_000_000)
    decision = group.poll(1, 1)
    assert (decision.replicas, decision.reason) == (2, Reason.OFF)
    assert decision.recommended == PARTITIONS
    assert Group(1, mode=Mode.OFF, minimum=0).see().replicas == 1


def test_a_clock_that_was_set_back_starts_anew() -> None:
    group = Group(1)
    group.polls(5, 1_000, 1_000)
    group.at -= 3_600
    decision = group.poll(1_000, 1_000)
    assert (decision.replicas, len(decision.memory.samples)) == (1, 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"partitions": 0}, "a topic has at least one"),
        ({"minimum": -1}, "give 0"),
        ({"minimum": 4, "maximum": 3}, "raise max or lower min"),
        ({"minimum": 0, "maximum": 0}, "raise max or lower min"),
        ({"target_drain_seconds": 0}, "target_drain_seconds is 0"),
        ({"utilisation": 0.95}, "the first below the second"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(words: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Policy(**{"partitions": 12, **words})
