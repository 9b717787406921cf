"""What the demo shows: figures as a person reads them, sums that must come out, and a lag that is never guessed low."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest
from rich.console import Console

from pulse_local import accounting, marts, meter
from pulse_local.accounting import Produced
from pulse_local.figures import Accounts, Progress

BOOKS = Accounts(read=110, inserted=100, duplicate=6, conflict=0, dead=4)
TODAY = dt.date(2026, 3, 2)
SENT = Produced(records=110, events=100, duplicates=6, malformed=4)


def shown(view: marts.View, rows: list[tuple[object, ...]]) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(marts.table(view, rows, TODAY))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_table_reads_like_one() -> None:
    sessions = marts.VIEWS[0]
    text = shown(sessions, [(dt.date(2026, 3, 1), 12_345, 999, Decimal("185.4"), Decimal("10.5"), None)])
    assert "Sun 01 Mar" in text
    assert "12,345" in text
    assert "3:05" in text
    assert "10.50 %" in text
    assert text.rstrip().endswith("-")


def test_the_day_that_is_not_over_is_marked() -> None:
    rows: list[tuple[object, ...]] = [(day, 1, 1, None, None, None) for day in (TODAY, dt.date(2026, 3, 1))]
    text = shown(marts.VIEWS[0], rows)
    assert "today so far" in text
    assert "Mon 02 Mar" not in text
    assert text.count("so far") == 1


@pytest.mark.parametrize("view", marts.VIEWS, ids=lambda view: view.title.split()[0])
def test_every_table_fits_into_80_columns(view: marts.View) -> None:
    values = {marts.day: TODAY, marts.percent: Decimal("10.5"), str: "not yet"}
    row = tuple(values.get(write, 123_456) for _, write in view.columns)
    table = marts.table(view, [row], TODAY)
    assert Console(width=200).measure(table).maximum <= 80


def test_the_data_quality_table_says_on_which_day_a_duplicate_stands() -> None:
    text = shown(marts.VIEWS[3], [(TODAY, 5, 0, None, "ok", 1, 1)])
    assert "Duplicates and dead letters stand on the day they were stored." in text


def test_an_account_is_one_line_and_its_faults_are_one_each() -> None:
    assert accounting.told(BOOKS, []) == (
        "It adds up: 110 records sent and read = 100 inserted + 6 duplicates + 0 conflicts + 4 dead letters."
    )
    assert accounting.told(BOOKS, ["a", "b"]) == "Does not add up: a\nDoes not add up: b"


def test_a_mart_without_rows_says_so() -> None:
    assert "no rows yet" in shown(marts.VIEWS[1], [])


def test_lag_counts_a_partition_that_was_never_read_from_its_start() -> None:
    assert Progress(starts={0: 5, 1: 0}, ends={0: 25, 1: 10}, stored={1: 4}).lag == 26


def test_a_stored_offset_ahead_of_the_end_is_no_negative_lag() -> None:
    assert Progress(starts={0: 0, 1: 0}, ends={0: 5, 1: 5}, stored={0: 9, 1: 0}).lag == 5


def test_rates_are_between_two_looks() -> None:
    before = Progress({0: 0}, {0: 100}, {0: 50})
    after = Progress({0: 0}, {0: 500}, {0: 450})
    assert meter.rates(before, after, seconds=2.0) == "lag 50  produced 200/s  stored 200/s"


def test_books_that_agree_have_no_fault() -> None:
    assert accounting.faults_of_books(SENT, 110, BOOKS, from_empty=True) == []
    assert accounting.faults_of_marts(100, 100, {"fct_sessions": 3}) == []


@pytest.mark.parametrize(
    ("sent", "in_log", "books", "fault"),
    [
        (SENT, 109, BOOKS, "records sent by the simulator: 110, but records in the log: 109"),
        (SENT, 110, Accounts(109, 99, 6, 0, 4), "records in the log: 110, but records read by the consumer: 109"),
        (SENT, 110, Accounts(110, 99, 6, 0, 4), "records read: 110, but inserted + duplicate + conflict + dead: 109"),
        (SENT, 110, Accounts(110, 100, 7, 0, 3), "malformed records sent: 4, but dead letters: 3"),
        (SENT, 110, Accounts(110, 99, 6, 1, 4), "conflicts expected: 0, but conflicts found: 1"),
        (SENT, 110, Accounts(110, 101, 5, 0, 4), "good events sent: 100, but events inserted: 101"),
    ],
)
def test_a_sum_that_does_not_come_out_is_named(sent: Produced, in_log: int, books: Accounts, fault: str) -> None:
    assert fault in accounting.faults_of_books(sent, in_log, books, from_empty=True)


def test_on_a_stack_with_events_a_good_one_may_be_a_repeat() -> None:
    assert accounting.faults_of_books(SENT, 110, Accounts(110, 90, 16, 0, 4), from_empty=False) == []


def test_an_empty_mart_and_a_lost_event_are_faults() -> None:
    assert accounting.faults_of_marts(100, 99, {"fct_sessions": 0}) == [
        "marts.fct_sessions is empty",
        "rows in raw.events: 100, but events counted in the marts: 99",
    ]
