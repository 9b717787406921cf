"""When a batch is copied straight into the table: while that works, and rarely where it does not."""

from __future__ import annotations

import random

from pulse_consumer.optimism import MOST_BATCHES, Optimism


def ways(batches: list[bool]) -> list[str]:
    """How each batch goes, given whether its events are all new: copied, failed (copied in vain), or merged."""
    optimism, found = Optimism(), []
    for all_new in batches:
        if not optimism.hopeful():
            found.append("merged")
        elif all_new:
            optimism.copied()
            found.append("copied")
        else:
            optimism.disappointed()
            found.append("failed")
        optimism.stored(all_new=all_new)
    return found


def test_new_events_are_copied_from_the_first_batch_on() -> None:
    assert ways([True] * 5) == ["copied"] * 5


def test_where_every_batch_holds_a_repeat_it_is_tried_once() -> None:
    assert ways([False] * 1_000) == ["failed"] + ["merged"] * 999


def test_one_repeat_costs_one_batch_more_and_then_it_goes_on() -> None:
    assert ways([True, False, True, True, True]) == ["copied", "failed", "merged", "copied", "copied"]


def test_each_failure_in_a_row_asks_for_twice_as_many_new_batches() -> None:
    once_new = [False, True, False, True, True, False, True, True, True, True, True]
    assert ways(once_new) == ["failed", "merged", "failed", "merged", "merged", "failed", *["merged"] * 4, "copied"]


def test_no_past_keeps_it_from_being_tried_for_ever() -> None:
    optimism = Optimism()
    for _ in range(100):
        optimism.disappointed()
    for _ in range(MOST_BATCHES):
        assert not optimism.hopeful()
        optimism.stored(all_new=True)
    assert optimism.hopeful()


def test_few_copies_are_in_vain_and_most_new_batches_are_copied_where_one_in_ten_holds_a_repeat() -> None:
    chosen = random.Random(7)
    found = ways([chosen.random() < 0.9 for _ in range(10_000)])
    assert found.count("copied") > 7_000
    assert found.count("failed") < 1_200


def test_hardly_any_copy_is_in_vain_where_every_second_batch_holds_a_repeat() -> None:
    chosen = random.Random(7)
    assert ways([chosen.random() < 0.5 for _ in range(10_000)]).count("failed") < 200
