"""When a client that delivers nothing is taken for one that cannot."""

from __future__ import annotations

from pulse_consumer.stall import STALL_SECONDS, StallWatch


def test_it_is_looked_once_in_each_span_without_a_record() -> None:
    watch = StallWatch()
    watch.note(100.0)
    assert not watch.due(100.0 + STALL_SECONDS - 0.1)
    assert watch.due(100.0 + STALL_SECONDS)
    assert not watch.due(101.0 + STALL_SECONDS)
    assert watch.due(100.0 + 2 * STALL_SECONDS)


def test_a_record_puts_the_look_off() -> None:
    watch = StallWatch()
    watch.note(100.0)
    watch.note(100.0 + STALL_SECONDS - 1)
    assert not watch.due(100.0 + STALL_SECONDS)


def test_records_behind_the_position_of_a_partition_that_is_held_wait() -> None:
    assert StallWatch().unread({0: 5, 1: 7, 2: 9}, {0: 5, 1: 10, 2: 9, 3: 50}) == {1: 3}


def test_what_was_told_once_is_told_again_only_when_more_has_come() -> None:
    watch = StallWatch()
    assert watch.unread({0: 5}, {0: 6}) == {0: 1}
    assert watch.unread({0: 5}, {0: 6}) == {}
    assert watch.unread({0: 5}, {0: 8}) == {0: 3}
