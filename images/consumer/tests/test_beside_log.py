"""What the ledger says of the log beside what the log holds: every difference is found, and none made up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pulse_consumer.beside_log import HOLES_TOLD, BesideLog, Read
from pulse_consumer.findings import Finding
from pulse_consumer.log_reading import spans

END = 60
RECORDS = st.sets(st.integers(0, END - 1))
# Passes over the log: each cut into ranges somewhere, from some offset on.
PASSES = st.lists(st.sets(st.integers(0, END), min_size=2), min_size=1, max_size=3)


def ranges_of(records: set[int], passes: Sequence[set[int]]) -> list[Read]:
    """What passes that were given every record leave in the ledger."""
    cuts = [sorted(edges) for edges in passes]
    pairs = [(first, following) for edges in cuts for first, following in pairwise(edges)]
    return sorted(
        (Read(first, following, len(records & set(range(first, following)))) for first, following in pairs),
        key=lambda one: one.first,
    )


def compared(
    records: set[int], ranges: Sequence[Read], *, low: int = 0, is_compacted: bool = False, low_after: int = 0
) -> list[Finding]:
    beside = BesideLog(3, ranges, low, END, is_compacted=is_compacted)
    for run in spans(sorted(offset for offset in records if offset >= low), END):
        beside.add(*run)
    return beside.findings(low_after)


@given(RECORDS, PASSES, st.integers(0, END))
def test_a_ledger_that_is_right_has_no_fault_and_every_hole_is_told(
    records: set[int], passes: list[set[int]], low: int
) -> None:
    found = compared(records, ranges_of(records, passes), low=low)
    assert [one for one in found if one.fault] == []
    holes = [one for one in found if one.kind == "lacking"]
    assert sum(one.count for one in holes) == END - low - len(records & set(range(low, END)))
    assert len(holes) <= HOLES_TOLD + 1


@given(RECORDS, PASSES)
def test_records_that_no_range_covers_are_counted(records: set[int], passes: list[set[int]]) -> None:
    ranges = ranges_of(records, passes)
    covered = {offset for one in ranges for offset in range(one.first, one.next)}
    found = [one for one in compared(records, ranges) if one.kind == "not_read"]
    assert sum(one.count for one in found) == len(records - covered)
    assert {one.fault for one in found} <= {False}


@given(RECORDS, PASSES, st.data())
def test_a_record_that_was_passed_over_or_made_up_is_found_with_its_place(
    records: set[int], passes: list[set[int]], data: st.DataObject
) -> None:
    ranges = ranges_of(records, passes)
    wrong = data.draw(st.sampled_from(range(len(ranges))))
    more = data.draw(st.sampled_from([-1, 1] if ranges[wrong].records else [1]))
    one = ranges[wrong]
    ranges[wrong] = Read(one.first, one.next, one.records + more)
    (found,) = [finding for finding in compared(records, ranges) if finding.fault]
    assert (found.kind, found.count) == ("never_there" if more > 0 else "passed_over", 1)
    assert (found.first, found.next) == (one.first, one.next)
    in_a_compacted_log = [one for one in compared(records, ranges, is_compacted=True) if one.fault]
    assert len(in_a_compacted_log) == (0 if more > 0 else 1)


def test_what_the_log_loses_while_it_is_read_is_not_compared() -> None:
    ranges = [Read(0, 20, 20), Read(20, 40, 20), Read(40, 60, 20)]
    left = set(range(30, 60))
    assert {one.first for one in compared(left, ranges) if one.fault} == {0}
    assert [one for one in compared(left, ranges, low_after=30) if one.fault] == []


def test_differences_one_behind_the_other_are_told_as_one() -> None:
    ranges = [Read(0, 20, 19), Read(20, 40, 18), Read(40, 60, 21)]
    found = [one for one in compared(set(range(END)), ranges) if one.fault]
    assert [(one.kind, one.first, one.next, one.count) for one in found] == [
        ("passed_over", 0, 40, 3),
        ("never_there", 40, 60, 1),
    ]
    assert "rewind-to --to-offset 3=0" in found[0].todo
