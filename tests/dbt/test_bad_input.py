"""What nobody expects of a visitor or a clock is kept, counted where it belongs, and holds no run up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from . import raw, warehouse
from .comparing import differences, mart
from .events import FIRST_DAY, Event, event, marathon
from .history import Batch, DeadLetter, History
from .raw import Changes, Commit, Place, Position, Reader
from .reference import Rules, marts

pytestmark = pytest.mark.integration

READER = Reader("g", "t", 0)
SCRAPER = "scraper"


def test_absurd_clocks_visitors_and_types_end_where_they_belong(raw_dsn: str) -> None:
    """They come after a run that saw nothing of them, and some of a quarantined user's only after that."""
    rng = random.Random(8)
    quiet = [event(rng, f"user-{number}", FIRST_DAY + timedelta(hours=number)) for number in range(20)]
    crowd = [event(rng, SCRAPER, FIRST_DAY + timedelta(seconds=number), "page_view") for number in range(10_040)]
    portions = [quiet + crowd[:10_000], [*crowd[10_000:10_020], *_absurd(rng)], crowd[10_020:]]
    known, position = History(), Position(raw.TOPIC_ID, 0, 1)
    for number, events in enumerate(portions):
        changes, position = _read(events, [], position, FIRST_DAY + timedelta(days=number))
        _store(raw_dsn, known, changes)
        assert warehouse.run(warehouse.settings(raw_dsn)).code == 0
        _assert_marts(raw_dsn, known)
    (row,) = warehouse.query(raw_dsn, "select user_id, events from marts.fct_quarantined_users")
    assert row == {"user_id": SCRAPER, "events": 10_040}
    absurd = "select count(*) as sessions from marts.fct_sessions where session_date = '2000-01-01'"
    assert warehouse.query(raw_dsn, absurd) == [{"sessions": 1}]
    runs = warehouse.query(raw_dsn, "select full_refresh from ops.dbt_runs order by started_at")
    assert [run["full_refresh"] for run in runs] == [True, False, False]


def test_with_bad_records_alone_the_dead_letters_are_counted_and_nothing_else(raw_dsn: str) -> None:
    known, position = History(), Position(raw.TOPIC_ID, 0, 1)
    for number in range(2):
        moment = FIRST_DAY + timedelta(days=number)
        letters = [DeadLetter(moment, reason) for reason in ("not_json", "not_json", "missing_field")]
        changes, position = _read([], letters, position, moment)
        _store(raw_dsn, known, changes)
        assert warehouse.run(warehouse.settings(raw_dsn)).code == 0
        _assert_marts(raw_dsn, known)
    filled = {name for name, rows in marts(known, Rules()).items() if rows}
    assert filled == {"fct_data_quality_daily", "fct_dead_letters_daily"}


def _absurd(rng: random.Random) -> Iterator[Event]:
    """Events on the edge of what the contract lets through, and some that only another writer could have stored."""
    yield replace(event(rng, "user-1", datetime(2000, 1, 1, tzinfo=UTC), "payment"))
    far = event(rng, "user-2", datetime(2000, 1, 1, tzinfo=UTC), "page_view")
    yield replace(far, event_timestamp=datetime(9999, 12, 31, 12, tzinfo=UTC))
    for year in (1970, 2100):  # a producer's clock, where the topic keeps that of the producers
        clock = datetime(year, 1, 1, tzinfo=UTC)
        unsure = event(rng, "user-3", FIRST_DAY + timedelta(days=1), "page_view")
        yield replace(unsure, received_at=None, kafka_timestamp=clock, kafka_timestamp_trusted=False)
    for moment in marathon(rng):
        yield event(rng, "user-4", moment, "product_view")
    for step in (0, 4):
        unknown = event(rng, "user-5", FIRST_DAY + timedelta(days=2), "wish_list_opened")
        yield replace(unknown, funnel_step_index=step)
    yield replace(event(rng, "u" * 200, FIRST_DAY, "page_view"), page="", category="", properties={"context": None})


def _read(
    events: list[Event], letters: list[DeadLetter], before: Position, moment: datetime
) -> tuple[Changes, Position]:
    """One batch of these, and where the group stands then."""
    start = before.next_offset
    after = before._replace(next_offset=start + len(events) + len(letters))
    changes = Changes(positions={READER: after})
    changes.events = [(Place(raw.TOPIC_ID, 0, start + number), each) for number, each in enumerate(events)]
    first = start + len(events)
    changes.letters = [(Place(raw.TOPIC_ID, 0, first + n), READER, letter) for n, letter in enumerate(letters)]
    batch = Batch(moment, inserted=len(events), duplicate=0, conflict=0, dead=len(letters))
    changes.commits = [Commit(READER, before, after.next_offset, batch)]
    return changes, after


def _store(dsn: str, known: History, changes: Changes) -> None:
    with psycopg.connect(dsn) as connection:
        raw.write(connection, changes)
    changes.add_to(known)


def _assert_marts(dsn: str, known: History) -> None:
    with psycopg.connect(dsn) as connection:
        for name, expected in marts(known, Rules()).items():
            assert differences(mart(connection, name), expected) == [], name
