"""Whether the ledger is judged rightly: histories of a consumer, whole and damaged, and the counts beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_consumer import holdings
from pulse_consumer.chain import Chain, Chained, End, Moved, Range
from pulse_consumer.findings import Checked, Finding, Totals, as_json, faults, told
from pulse_consumer.holdings import Stretch

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("batch"), st.integers(1, 20)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("rewind"), st.integers(0, 100)),
    ),
    max_size=30,
)


class History:
    """What a consumer and people with `pulse offsets rewind-to` leave in the tables."""

    def __init__(self, steps: Sequence[tuple[str, int]]) -> None:
        self.ranges: list[Range] = []
        self.moves = [Moved(1, 1, None, 0)]
        self.end = End(0, 1)
        for word, number in steps:
            self._step(word, number)

    def _step(self, word: str, number: int) -> None:
        if word == "batch":
            self.ranges.append(Range(self.end.epoch, self.end.next, self.end.next + number))
            self.end = replace(self.end, next=self.end.next + number)
        elif word == "rewind" and self.end.next:
            target = number % self.end.next
            self.moves.append(Moved(len(self.moves) + 1, self.end.epoch + 1, self.end.next, target))
            self.end = End(target, self.end.epoch + 2)  # the move's own epoch, and the owner's that follows it
        elif word == "take":
            self.end = replace(self.end, epoch=self.end.epoch + 1)


def chained(ranges: Sequence[Range], moves: Sequence[Moved] = (), end: End | None = None) -> Chained:
    chain = Chain("shop", 0, moves)
    for found in ranges:
        chain.add(found)
    return chain.end(end)


def kinds(found: Chained) -> set[str]:
    return {one.kind for one in found.findings if one.fault}


def offsets(spans: Sequence[tuple[int, int]]) -> set[int]:
    return {offset for first, following in spans for offset in range(first, following)}


@given(STEPS)
def test_a_history_without_damage_is_clean(steps: list[tuple[str, int]]) -> None:
    whole = History(steps)
    found = chained(whole.ranges, whole.moves, whole.end)
    assert (list(found.findings), found.open, found.closed) == ([], [], [])


@given(STEPS, st.data())
def test_ranges_that_were_merged_within_a_pass_change_nothing(
    steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    whole = History(steps)
    merged: list[Range] = []
    for one in whole.ranges:
        last = merged[-1] if merged else None
        crossed = last is not None and any(last.epoch < move.epoch <= one.epoch for move in whole.moves)
        if last is not None and last.next == one.first and not crossed and data.draw(st.booleans()):
            merged[-1] = Range(data.draw(st.sampled_from([last.epoch, one.epoch])), last.first, one.next)
        else:
            merged.append(one)
    assert list(chained(merged, whole.moves, whole.end).findings) == []


@given(STEPS.filter(lambda steps: any(word == "batch" for word, _ in steps)), st.data())
def test_a_range_that_is_gone_leaves_exactly_the_offsets_open_that_no_other_holds(
    steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    whole = History(steps)
    gone = data.draw(st.integers(0, len(whole.ranges) - 1))
    left = [one for number, one in enumerate(whole.ranges) if number != gone]
    found = chained(left, whole.moves, whole.end)
    held = offsets([(one.first, one.next) for one in left])
    assert offsets(found.open) == offsets([(whole.ranges[gone].first, whole.ranges[gone].next)]) - held
    assert bool(found.open) == ("gap" in kinds(found))
    assert kinds(found) <= {"gap", "offset"}
    assert found.findings, "the range is gone, and nothing says so"


def test_a_gap_says_where_it_is_and_how_it_is_read_again() -> None:
    (gap,) = chained([Range(1, 0, 10), Range(1, 15, 20)], (), End(20, 1)).findings
    assert (gap.kind, gap.first, gap.next, gap.count) == ("gap", 10, 15, 5)
    assert str(gap).startswith("partition 0, offsets 10 to 14: ")
    assert "pulse offsets rewind-to --to-offset 0=10" in gap.todo


def test_ranges_that_overlap_in_one_epoch_are_a_fault_and_in_a_later_one_a_note() -> None:
    assert kinds(chained([Range(1, 0, 10), Range(1, 5, 20)], (), End(20, 1))) == {"overlap"}
    later = chained([Range(1, 0, 10), Range(2, 5, 20)], (), End(20, 2))
    assert [(one.kind, one.fault) for one in later.findings] == [("again", False)]


@pytest.mark.parametrize(("at", "expected"), [(7, {"offset"}), (13, {"offset", "gap"})])
def test_a_stored_offset_that_was_set_by_hand_is_named(at: int, expected: set[str]) -> None:
    assert kinds(chained([Range(1, 0, 10)], (), End(at, 1))) == expected


def test_what_was_left_out_on_purpose_is_no_gap() -> None:
    moves = [Moved(1, 1, None, 0), Moved(2, 2, 10, 50)]
    found = chained([Range(1, 0, 10), Range(3, 50, 60)], moves, End(60, 3))
    assert [(one.kind, one.first, one.next, one.fault) for one in found.findings] == [("left_out", 10, 50, False)]


def test_a_stored_offset_that_was_lost_and_begun_anew_behind_others_leaves_a_gap() -> None:
    moves = [Moved(1, 1, None, 0), Moved(2, 1, None, 50)]
    assert chained([Range(1, 50, 60)], moves, End(60, 1)).open == [(0, 50)]


STRETCH = Stretch(0, 100, inserted=90, conflict=4, most_conflict=2, dead=6, most_dead=3, expired=False)


@pytest.mark.parametrize(
    ("held", "again", "closed", "kind"),
    [
        (90, 0, (), None),
        (89, 0, (), "missing"),
        (89, 1, (), None),
        (88, 1, (), "missing"),
        (91, 0, (), "extra"),
        (91, 0, ((0, 10),), None),
        (101, 0, ((0, 10),), "extra"),
        (91, 0, ((100, 110),), "extra"),
    ],
)
def test_events_are_held_to_what_was_inserted(
    held: int, again: int, closed: tuple[tuple[int, int], ...], kind: str | None
) -> None:
    found = [one.kind for one in holdings.events(0, STRETCH, held, again, closed) if one.fault]
    assert found == ([kind] if kind else [])


@pytest.mark.parametrize(("held", "kind"), [(3, None), (6, None), (2, "missing"), (7, "extra")])
def test_a_dead_letter_is_kept_once_however_often_it_was_read(held: int, kind: str | None) -> None:
    found = [one.kind for one in holdings.ledger("raw.dead_letters", 0, STRETCH, held, 6, 3)]
    assert found == ([kind] if kind else [])


def test_what_retention_removed_is_a_note() -> None:
    old = replace(STRETCH, expired=True, letters_expired=True)
    found = [*holdings.events(0, old, 10, 0, ()), *holdings.ledger("raw.dead_letters", 0, old, 0, 6, 3)]
    assert [(one.kind, one.count, one.fault) for one in found] == [("expired", 80, False), ("expired", 3, False)]


def test_the_report_says_how_many_faults_there_are_and_where() -> None:
    fault = Finding("gap", True, 3, 10, 15, 5, "not there.", "Read it again.")
    part = Checked("id", 3, [Totals("shop", 3, 1, 10, 9, 1, 0, 0, 2)], [fault])
    assert told([part]).splitlines() == [
        "DOES NOT ADD UP: topic id, partition 3, offsets 10 to 14: not there. Read it again.",
        "1 faults. The ledger says: 10 records read = 9 inserted + 1 duplicates + 0 conflicts + 0 dead letters, in 1 "
        "partitions; 2 offsets that the log itself lacks.",
    ]
    assert faults([part]) == [fault]
    assert as_json([part])["adds_up"] is False
    assert told([replace(part, findings=[])]).startswith("It adds up: 10 records read")
