"""The parts of the consumer that decide without talking to anybody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.errors import BreakerOpen, DatabaseUnavailable, Rejection
from pulse.events import EventDecoder
from pulse_consumer.batch import Batch, Limits
from pulse_consumer.breaker import Breaker
from pulse_consumer.deadletter import DeadLetter, dlq_headers, ledger_headers
from pulse_consumer.intake import Intake
from pulse_consumer.isolate import isolate
from pulse_consumer.offsets import Position
from pulse_consumer.packer import plain_rows
from pulse_consumer.record import Headers, Record

GOOD = b'{"event_type":"page_view","user_id":"u","timestamp":"2026-01-02T03:04:05Z"}'
KAFKA_US = 1_767_323_046_000_000
LIMITS = Limits(rows=3, bytes=10_000, linger=timedelta(seconds=1))


def record(offset: int, partition: int = 0, value: bytes | None = GOOD, headers: Headers | None = None) -> Record:
    return Record(partition, offset, KAFKA_US, True, b"key", value, headers)


def intake(**positions: int) -> Intake:
    made = Intake(EventDecoder(), bytes(16), plain_rows("python", bytes(16), custom_events=True))
    made.positions = {int(name[1:]): Position(epoch=5, next_offset=offset) for name, offset in positions.items()}
    return made


class TestIsolate:
    @given(st.lists(st.booleans(), max_size=200))
    def test_every_good_item_is_written_once_in_order_and_every_bad_one_is_named(self, bad: list[bool]) -> None:
        written: list[int] = []

        def write(chunk: Sequence[int]) -> None:
            if any(bad[item] for item in chunk):
                raise Rejection("database_refused", "no")
            written.extend(chunk)

        _, refused = isolate(range(len(bad)), write)
        assert written == [item for item, is_bad in enumerate(bad) if not is_bad]
        assert [item for item, _ in refused] == [item for item, is_bad in enumerate(bad) if is_bad]

    def test_one_bad_row_costs_no_more_than_a_search_by_halves(self) -> None:
        calls = 0

        def write(chunk: Sequence[int]) -> None:
            nonlocal calls
            calls += 1
            if 777 in chunk:
                raise Rejection("database_refused", "no")

        isolate(range(16_384), write)
        assert calls == 1 + 2 * 14

    def test_an_outage_is_not_taken_for_bad_data(self) -> None:
        def write(_chunk: Sequence[int]) -> None:
            raise DatabaseUnavailable("gone")

        with pytest.raises(DatabaseUnavailable):
            isolate([1, 2], write)


class TestIntake:
    def test_records_become_rows_and_bad_ones_dead_letters(self) -> None:
        batch = Batch(0.0)
        taking = intake(p0=10)
        taking.add(batch, [record(10), record(11, value=b"bad"), record(12, value=None)])
        part = batch.parts[0]
        assert (len(part.rows), [letter.code for letter in part.dead]) == (1, ["invalid_json", "empty_value"])
        assert (part.first, part.next, part.read, part.skipped, part.epoch) == (10, 13, 3, 0, 5)
        assert taking.positions[0].next_offset == 13

    def test_a_record_read_before_or_of_a_partition_that_is_not_ours_is_left_out(self) -> None:
        batch = Batch(0.0)
        intake(p0=10).add(batch, [record(9), record(10), record(10), record(0, partition=7)])
        assert {number: part.read for number, part in batch.parts.items()} == {0: 1}

    def test_offsets_that_the_log_lacks_are_counted_and_the_ranges_chain(self) -> None:
        taking = intake(p0=0)
        first, second = Batch(0.0), Batch(0.0)
        taking.add(first, [record(3), record(5)])
        taking.add(second, [record(9)])
        assert (first.parts[0].first, first.parts[0].next, first.parts[0].skipped) == (0, 6, 4)
        assert (second.parts[0].first, second.parts[0].next, second.parts[0].skipped) == (6, 10, 3)

    def test_a_record_without_a_time_takes_the_event_s_own(self) -> None:
        batch = Batch(0.0)
        intake(p0=0).add(batch, [Record(0, 0, None, False, None, GOOD, None)])
        assert len(batch.parts[0].rows) == 1


class TestBatch:
    def test_it_is_due_when_it_is_full_or_has_waited(self) -> None:
        batch = Batch(started_at=100.0)
        assert not batch.due(LIMITS, 200.0), "nothing to write"
        taking = intake(p0=0)
        taking.add(batch, [record(0)])
        assert not batch.due(LIMITS, 100.9)
        assert batch.due(LIMITS, 101.0)
        assert batch.room(LIMITS) == 2
        taking.add(batch, [record(1), record(2)])
        assert batch.due(LIMITS, 100.0)
        assert batch.room(LIMITS) == 0

    def test_it_is_full_by_bytes_too(self) -> None:
        batch = Batch(0.0)
        intake(p0=0).add(batch, [record(0, value=b"x" * 10_000)])
        assert batch.room(LIMITS) == 0

    def test_a_partition_that_is_taken_away_leaves_nothing_behind(self) -> None:
        batch = Batch(0.0)
        intake(p0=0, p1=0).add(batch, [record(0), record(0, partition=1)])
        batch.drop(0)
        batch.drop(0)
        assert list(batch.parts) == [1]
        assert batch.room(LIMITS) == 2


class TestBreaker:
    def test_it_opens_when_most_of_a_full_window_is_bad(self) -> None:
        breaker = Breaker(0.5, 100)
        breaker.note(60, 60)
        with pytest.raises(BreakerOpen, match="100 of the last 100"):
            breaker.note(40, 40)

    def test_a_few_bad_records_at_the_start_do_not_open_it(self) -> None:
        Breaker(0.5, 100).note(99, 99)

    def test_what_is_long_past_does_not_count(self) -> None:
        breaker = Breaker(0.5, 100)
        breaker.note(90, 90)
        for _ in range(10):
            breaker.note(95, 0)
        breaker.note(40, 40)

    def test_a_ratio_of_one_never_opens_it(self) -> None:
        Breaker(1.0, 100).note(1_000, 1_000)


class TestDeadLetter:
    letter = DeadLetter.of(
        record(42, 3, b"\xff", [("trace", b"\x00\x01"), ("none", None), ("na\0me", b"")]),
        Rejection("not_utf8", "bytes", "properties"),
    )

    def test_the_copy_keeps_the_headers_of_the_record_and_says_where_it_came_from(self) -> None:
        headers = dlq_headers(self.letter, "shop-events", "2026-01-02T03:04:05+00:00")
        assert headers[:3] == [("trace", b"\x00\x01"), ("none", None), ("na\0me", b"")]
        own = {name.removeprefix("pulse.dlq."): value for name, value in headers[3:]}
        assert (own["topic"], own["partition"], own["offset"]) == (b"shop-events", b"3", b"42")
        assert own["timestamp"] == b"1767323046000"
        assert (own["class"], own["field"], own["sqlstate"], own["attempt"]) == (b"not_utf8", b"properties", b"", b"1")

    def test_the_ledger_holds_every_header_in_a_form_that_postgres_takes(self) -> None:
        assert json.loads(ledger_headers(self.letter.record)) == [["trace", "AAE="], ["none", None], ["na\ufffdme", ""]]
