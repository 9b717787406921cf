"""How the replicas answer to lag, known or not, and to what the policy allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kit.group import PARTITIONS, TARGET, Group, saturated

from pulse.errors import SettingsError
from pulse_operator.scaling import Limit, Mode, PartitionOffsets, Policy, Reason


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
