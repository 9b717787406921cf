"""When a client that delivers nothing is taken for one that cannot."""

from __future__ import annotations

import pytest

from pulse_consumer.stall import LOOK_SECONDS, StallWatch

START = 100.0


@pytest.fixture
def watch() -> StallWatch:
    """One that has looked once, with partition 0 at 5 and partition 1 at 7."""
    made = StallWatch()
    made.begin(START)
    assert made.silent({0: 5, 1: 7}, START + LOOK_SECONDS) == {}
    return made


def test_it_is_looked_once_in_each_span(watch: StallWatch) -> None:
    assert watch.silent({0: 5}, START + 2 * LOOK_SECONDS - 0.1) == {}
    assert watch.silent({0: 5}, START + 2 * LOOK_SECONDS) == {0: 5}
    assert watch.silent({0: 5}, START + 2 * LOOK_SECONDS + 1) == {}
    assert watch.silent({0: 5}, START + 3 * LOOK_SECONDS) == {0: 5}


def test_a_partition_that_rests_is_told_from_one_that_moves(watch: StallWatch) -> None:
    assert watch.silent({0: 5, 1: 8}, START + 2 * LOOK_SECONDS) == {0: 5}


def test_a_partition_that_has_just_come_has_not_been_silent_yet(watch: StallWatch) -> None:
    assert watch.silent({2: 9}, START + 2 * LOOK_SECONDS) == {}


def test_what_was_before_a_new_beginning_does_not_count(watch: StallWatch) -> None:
    watch.begin(START + LOOK_SECONDS)
    assert watch.silent({0: 5}, START + 2 * LOOK_SECONDS) == {}


def test_records_that_wait_for_two_looks_are_told() -> None:
    watch = StallWatch()
    assert watch.unread({0: 5, 1: 7, 2: 9}, {0: 5, 1: 10, 2: 9}) == {}, "they may be on their way"
    assert watch.unread({0: 5, 1: 7, 2: 9}, {0: 5, 1: 12, 2: 9}) == {1: 3}


def test_records_that_came_a_moment_ago_are_not_told(watch: StallWatch) -> None:
    assert watch.unread({0: 5}, {0: 5}) == {}
    assert watch.unread({0: 5}, {0: 6}) == {}
    assert watch.unread({1: 7}, {1: 7}) == {}, "partition 0 has moved on"
    assert watch.unread({0: 6}, {0: 7}) == {}


def test_what_was_told_once_is_told_again_only_when_more_has_come() -> None:
    watch = StallWatch()
    told = [watch.unread({0: 5}, {0: end}) for end in (6, 6, 6, 8, 8)]
    assert told == [{}, {0: 1}, {}, {}, {0: 3}]


def test_a_new_client_has_to_wait_as_long_as_the_one_before() -> None:
    watch = StallWatch()
    watch.unread({0: 5}, {0: 6})
    watch.begin(START)
    assert watch.unread({0: 5}, {0: 6}) == {}


def test_what_was_told_and_read_since_is_told_again_if_it_waits_again() -> None:
    """As after a reset of the offsets."""
    watch = StallWatch()
    assert [watch.unread({0: at}, {0: 6}) for at in (5, 5, 6)] == [{}, {0: 1}, {}]
    watch.begin(START)
    assert [watch.unread({0: at}, {0: 6}) for at in (0, 0)] == [{}, {0: 6}]
