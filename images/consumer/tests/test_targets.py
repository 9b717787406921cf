"""Which stored offsets may be set to what, and what is said of where a group stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.errors import OffsetsDisagree
from pulse_consumer.offsets import Bounds, Source
from pulse_consumer.standing import standings, table
from pulse_consumer.targets import Chosen, Kept, Stored, adopted, read_again, rewound, within_kept

SOURCE = Source("shop", "shop-events", bytes(16))
LOG = {0: Bounds(100, 1_000), 1: Bounds(0, 50)}


def stored(offset: int, topic_id: bytes = bytes(16)) -> Stored:
    return Stored(topic_id, offset, 3, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


class TestRewind:
    def test_a_time_moves_what_lies_ahead_of_it_and_leaves_the_rest(self) -> None:
        chosen = rewound(SOURCE, {0: stored(700)}, LOG, {0: 600, 1: 20}, exact=False)
        assert chosen.targets == {0: 600}
        assert chosen.lines[0] == "partition 0: from 600, 100 offsets before the stored 700, 400 offsets to the end"
        assert "starts at the log's beginning anyway" in chosen.lines[1]
        assert rewound(SOURCE, {0: stored(700)}, LOG, {0: 900}, exact=False).targets == {}

    @pytest.mark.parametrize(
        ("held", "wanted", "says"),
        [
            ({0: stored(700)}, {0: 99}, "the log holds the offsets from 100 to 1000, not 99"),
            ({0: stored(700)}, {0: 1_001}, "the log holds the offsets from 100 to 1000, not 1001"),
            ({0: stored(700)}, {0: 701}, "ahead of the stored offset 700"),
            ({}, {0: 700}, "pulse offsets adopt"),
            ({0: stored(700)}, {7: 0}, "no such partition"),
            ({0: stored(700, bytes(range(16)))}, {0: 600}, "deleted and created again"),
        ],
    )
    def test_what_would_leave_events_out_or_the_log_does_not_hold_is_refused(
        self, held: dict[int, Stored], wanted: dict[int, int], says: str
    ) -> None:
        with pytest.raises(OffsetsDisagree, match="nothing was changed") as refused:
            rewound(SOURCE, held, LOG, wanted, exact=True)
        assert says in str(refused.value)

    @given(st.integers(0, 1_200), st.integers(0, 1_200), st.booleans())
    def test_no_rewind_goes_forward_or_out_of_the_log(self, held: int, wanted: int, exact: bool) -> None:
        try:
            chosen = rewound(SOURCE, {0: stored(held)}, LOG, {0: wanted}, exact)
        except OffsetsDisagree:
            assert not 100 <= wanted <= 1_000 or (exact and wanted > held)
        else:
            assert chosen.targets == ({0: wanted} if wanted < held else {})


class TestWithinKept:
    KEPT = Kept(datetime(2026, 1, 2, tzinfo=UTC), {0: 500})

    @pytest.mark.parametrize(("partition", "target"), [(0, 500), (0, 700), (1, 0)])
    def test_from_where_all_is_kept_on_anything_goes(self, partition: int, target: int) -> None:
        chosen = Chosen({partition: target}, ["as asked"])
        assert within_kept(SOURCE, chosen, self.KEPT, force=False) == chosen
        assert within_kept(SOURCE, chosen, self.KEPT, force=True) == chosen
        assert within_kept(SOURCE, Chosen({0: 0}, []), Kept(), force=False).targets == {0: 0}

    def test_before_it_every_partition_is_refused_by_name_and_force_says_what_that_means(self) -> None:
        chosen = Chosen({0: 499, 1: 0}, ["as asked"])
        with pytest.raises(OffsetsDisagree, match="partition 0: 499 lies before 500") as refused:
            within_kept(SOURCE, chosen, self.KEPT, force=False)
        assert "partition 1" not in str(refused.value)
        forced = within_kept(SOURCE, chosen, self.KEPT, force=True)
        assert forced.targets == chosen.targets
        assert [line.endswith("ARE STORED AGAIN") for line in forced.lines] == [False, True]


class TestAdopt:
    def test_what_is_left_out_is_said(self) -> None:
        chosen = adopted(SOURCE, {}, LOG, {0: 300}, force=False)
        assert chosen.targets == {0: 300}
        assert chosen.lines == [
            "partition 0: from 300, 700 offsets to the end; LEFT OUT: 200 offsets from 100 on",
            "partition 1: gets none, and starts at the log's beginning, 0",
        ]

    def test_a_stored_offset_is_replaced_only_by_force(self) -> None:
        with pytest.raises(OffsetsDisagree, match="stored offset 200 already"):
            adopted(SOURCE, {0: stored(200)}, LOG, {0: 300}, force=False)
        chosen = adopted(SOURCE, {0: stored(200)}, LOG, {0: 300}, force=True)
        assert chosen.targets == {0: 300}
        assert "LEFT OUT: 100 offsets from 200 on" in chosen.lines[0]

    @pytest.mark.parametrize("wanted", [{0: 99}, {0: 1_001}, {9: 0}])
    def test_what_the_log_does_not_hold_is_refused(self, wanted: dict[int, int]) -> None:
        with pytest.raises(OffsetsDisagree):
            adopted(SOURCE, {}, LOG, wanted, force=True)


def test_only_offsets_of_this_topic_that_were_read_are_read_again() -> None:
    held = {0: stored(700), 1: stored(40, bytes(range(16)))}
    assert read_again(held, SOURCE, {0: 600, 1: 0, 2: 5}) == {0: (600, 700)}
    assert read_again(held, SOURCE, {0: 700}) == {}


class TestStandings:
    def test_the_lag_counts_what_a_reader_can_reach(self) -> None:
        one, other = standings(SOURCE, {0: stored(700)}, LOG, {0: 950, 1: 50})
        assert (one.lag, other.lag) == (250, 50)
        assert "stored 700" not in table(SOURCE, [one, other])

    @pytest.mark.parametrize(
        ("held", "says"),
        [
            (stored(99), "no longer holds 1 offsets"),
            (stored(1_001), "lies 1 behind the log's end"),
            (stored(700, bytes(range(16))), "deleted and created again"),
        ],
    )
    def test_what_disagrees_is_named_and_has_no_lag(self, held: Stored, says: str) -> None:
        one = standings(SOURCE, {0: held}, {0: LOG[0]}, {0: 1_000})[0]
        assert one.lag is None
        assert says in one.problem
        assert f"partition 0: {one.problem}" in table(SOURCE, [one])
        assert one.as_json()["problem"] == one.problem

    def test_a_partition_that_the_topic_no_longer_has_is_not_passed_over(self) -> None:
        one = standings(SOURCE, {7: stored(1)}, {}, {})[0]
        assert (one.log, one.problem) == (None, "the topic has no such partition.")
