"""Every statement of the dashboards runs as the reader on what dbt built, and gives what its chart draws."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from pulse.names import database_roles
from pulse.settings import DashboardSettings, DatabaseSettings, KafkaSettings, LogSettings, TopicSettings
from pulse_dashboards import load, template
from pulse_dashboards.model import Card
from pulse_dashboards.template import Value
from pulse_dashboards.web.warehouse import Warehouse

from . import warehouse
from .history import Event, History, history

pytestmark = pytest.mark.integration

CATALOGUE = load.shipped()
CARDS = [(dashboard, card) for dashboard in CATALOGUE.dashboards for card in dashboard.cards]
READER = database_roles().reader

WHOLE, EXACT, BROKEN, DAY, MOMENT, TEXT, TRUTH = ({21, 23, 20}, {1700}, {701}, {1082}, {1184}, {25, 1043}, {16})
OF_UNIT = {
    "count": WHOLE,
    "percent": EXACT | BROKEN,
    "seconds": EXACT | BROKEN,
    "text": TEXT | TRUTH,
    "time": DAY | MOMENT,
}
OF_X = {"line": DAY | MOMENT | WHOLE, "bar": DAY | MOMENT | WHOLE | TEXT, "funnel": TEXT, "heatmap": WHOLE}

# The reader's own limits, as the live page sets them.
LIMITS = "-c default_transaction_read_only=on -c statement_timeout=30000"


def as_reader(dsn: str) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"alter role {READER} login password 'test'".encode())
    return make_conninfo(dsn, user=READER, password="test", options=LIMITS)


@pytest.fixture(scope="module")
def reader(module_dsn: str) -> str:
    """The connection string of the reader of a database whose marts are built."""
    warehouse.load(module_dsn, history(1))
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        connection.execute(b"update raw.events set category = (array['hats', 'shoes'])[1 + kafka_offset % 2]")
    ran = warehouse.run(warehouse.settings(module_dsn))
    assert ran.code == 0, ran.log
    return as_reader(module_dsn)


def asked(reader: str, card: Card, values: dict[str, Value]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The type of every column of the card, and its rows."""
    text, used = template.bound(card.sql, values)
    with psycopg.connect(reader, row_factory=dict_row) as connection:
        cursor = connection.execute(text.encode(), used)
        return {column.name: column.type_code for column in cursor.description or ()}, cursor.fetchall()


def values_for(names: tuple[str, ...]) -> dict[str, Value]:
    all_of_them: dict[str, Value] = {
        "date_from": date(2026, 3, 5),
        "date_to": date(2026, 3, 20),
        "category": "hats",
        "landing_page": "/",
    }
    return {name: all_of_them[name] for name in names}


@pytest.mark.parametrize("narrowed", [False, True], ids=["everything", "narrowed"])
@pytest.mark.parametrize(("dashboard", "card"), CARDS, ids=[f"{one.slug}-{card.key}" for one, card in CARDS])
def test_a_statement_gives_the_columns_that_its_chart_draws(
    reader: str, dashboard: Any, card: Card, narrowed: bool
) -> None:
    types, rows = asked(reader, card, values_for(dashboard.filters) if narrowed else {})
    for series in card.series:
        assert types[series.column] in OF_UNIT[series.unit], f"{series.column} is no {series.unit}"
    if card.x:
        assert types[card.x] in OF_X[card.chart]
    if card.row:
        assert types[card.row] in DAY | TEXT
    drawn = {card.x, card.row, *(series.column for series in card.series)} - {None}
    if card.chart != "number":  # which may share its statement with another
        assert set(types) == drawn, "columns that nobody draws"
    if card.chart == "number":
        assert len(rows) == 1
    if dashboard.slug != "live" and card.key not in ("delay", "newest_stored"):
        assert rows, "the made-up history has something for every card"


def test_the_choices_are_what_the_marts_hold(reader: str) -> None:
    settings = DashboardSettings(
        KafkaSettings("unused:1"), DatabaseSettings(reader), TopicSettings("e", "d", "g"), LogSettings()
    )
    found = Warehouse(settings, structlog.get_logger()).choices(CATALOGUE)
    assert found.options["category"] == ("hats", "shoes")
    assert "(no page)" in found.options["landing_page"]
    assert found.first_day
    assert found.last_day
    assert found.first_day < found.last_day


def rows_of(reader: str, slug: str, key: str, values: dict[str, Value]) -> list[dict[str, Any]]:
    found = CATALOGUE.dashboard(slug)
    assert found
    return asked(reader, next(card for card in found.cards if card.key == key), values)[1]


@pytest.mark.parametrize("names", [(), ("date_from", "date_to"), ("category",), ("landing_page",)], ids=str)
def test_cards_that_count_the_same_sessions_agree(reader: str, names: tuple[str, ...]) -> None:
    values = values_for(names)
    total = rows_of(reader, "sessions", "sessions", values)[0]["sessions"]
    assert total > 0
    for key in ("sessions_by_day", "durations", "landing_pages", "origins"):
        assert sum(row["sessions"] for row in rows_of(reader, "sessions", key, values)) == total, key


def test_a_narrower_question_is_about_fewer_sessions(reader: str) -> None:
    total = rows_of(reader, "sessions", "sessions", {})[0]["sessions"]
    for name in ("date_from", "date_to", "category", "landing_page"):
        assert 0 < rows_of(reader, "sessions", "sessions", values_for((name,)))[0]["sessions"] < total, name


def test_the_steps_of_a_funnel_never_grow(reader: str) -> None:
    for key, column in (("users_by_step", "users"), ("sessions_by_step", "sessions")):
        counts = [row[column] for row in rows_of(reader, "funnel", key, {})]
        assert len(counts) == 5
        assert counts == sorted(counts, reverse=True)


def test_the_reader_gets_counts_of_the_raw_tables_and_no_row_of_them(reader: str) -> None:
    with psycopg.connect(reader) as connection:
        for table in ("raw.events", "raw.dead_letters", "raw.event_conflicts", "raw.consumer_offsets", "raw.batches"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select 1 from {table}".encode())
            connection.rollback()
        columns = {
            row[0]
            for row in connection.execute(
                "select attname from pg_attribute where attnum > 0 and attrelid in (select oid from pg_class"
                " where relnamespace = 'ops'::regnamespace and relkind = 'v')"
            )
        }
    assert columns
    assert not columns & {
        "user_id",
        "anonymous_id",
        "session_id",
        "properties",
        "search_query",
        "value",
        "key",
        "event_id",
    }


def live_event(user: str, minutes_ago: float, arrived_minutes_ago: float | None = None, **changes: Any) -> Event:
    now = datetime.now(UTC)
    happened = now - timedelta(minutes=minutes_ago)
    arrived = happened if arrived_minutes_ago is None else now - timedelta(minutes=arrived_minutes_ago)
    known = {
        "event_id": uuid.uuid4(),
        "event_type": "page_view",
        "user_id": user,
        "event_timestamp": happened,
        "page": "/",
        "category": None,
        "funnel_step_index": None,
        "anonymous_id": None,
        "properties": None,
        "received_at": None,
        "kafka_timestamp": arrived,
        "kafka_timestamp_trusted": True,
    }
    return Event(**{**known, **changes})


@pytest.fixture
def live(raw_dsn: str) -> Iterator[str]:
    """A reader's view of events around now: five that count, and one of each kind that does not."""
    counted = [
        live_event("a", 2),
        live_event("a", 3, page="/hats", event_type="product_view"),
        live_event("b", 3.5, event_type="payment", page=None),
        live_event("c", 20, arrived_minutes_ago=1),  # late
        live_event("d", 25),
    ]
    left_out = [
        live_event("bot", 1, properties={"context": {"is_bot": True}}),
        live_event("old", 45),
        live_event("future", -20),
    ]
    warehouse.load(raw_dsn, History(events=[*counted, *left_out]))
    yield as_reader(raw_dsn)


def test_the_live_cards_count_what_happened_in_the_last_half_hour(live: str) -> None:
    assert rows_of(live, "live", "users_5_minutes", {}) == [{"users_5_minutes": 2, "users_30_minutes": 4}]
    assert rows_of(live, "live", "events", {})[0]["events"] == 5
    assert rows_of(live, "live", "late_share", {})[0]["late_share"] == 20
    minutes = rows_of(live, "live", "events_by_minute", {})
    assert len(minutes) == 30
    assert sum(row["events"] for row in minutes) == 5
    assert sum(row["payments"] for row in minutes) == 1
    pages = rows_of(live, "live", "pages", {})
    assert pages[0] == {"page": "/", "events": 3, "users": 3}
    assert {row["page"] for row in pages} == {"/", "/hats", "(no page)"}
    types = {row["event_type"]: row["events"] for row in rows_of(live, "live", "event_types", {})}
    assert types == {"page_view": 3, "product_view": 1, "payment": 1}


def test_before_dbt_has_run_a_card_says_what_to_do_and_the_others_are_drawn(live: str) -> None:
    settings = DashboardSettings(
        KafkaSettings("unused:1"), DatabaseSettings(live), TopicSettings("e", "d", "g"), LogSettings()
    )
    found = CATALOGUE.dashboard("data-quality")
    assert found
    tables = Warehouse(settings, structlog.get_logger()).tables(found.cards, {})
    problem = tables["late_by_day"].problem
    assert problem
    assert "pulse transform" in problem.hint
    assert tables["newest_stored"].problem is None
    assert tables["runs"].problem is None


def test_a_statement_that_takes_too_long_fails_alone(live: str) -> None:
    settings = DashboardSettings(
        KafkaSettings("unused:1"),
        DatabaseSettings(make_conninfo(live, options="")),
        TopicSettings("e", "d", "g"),
        LogSettings(),
        statement_timeout=timedelta(milliseconds=300),
    )
    found = CATALOGUE.dashboard("live")
    assert found
    quick = found.cards[0]
    slow = Card("slow", "Slow", "number", "select pg_sleep(5)::text as users_5_minutes", quick.series)
    tables = Warehouse(settings, structlog.get_logger()).tables([slow, quick], {})
    assert tables["slow"].problem
    assert "within 0.3 s" in tables["slow"].problem.message
    assert tables[quick.key].rows == ((2, 4),)


def test_cards_with_one_statement_are_one_question(live: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DashboardSettings(
        KafkaSettings("unused:1"), DatabaseSettings(live), TopicSettings("e", "d", "g"), LogSettings()
    )
    asked_for: list[str] = []
    original = Warehouse._table

    def counted(self: Warehouse, connection: Any, card: Card, *rest: Any) -> Any:
        asked_for.append(card.sql)
        return original(self, connection, card, *rest)

    monkeypatch.setattr(Warehouse, "_table", counted)
    found = CATALOGUE.dashboard("live")
    assert found
    tables = Warehouse(settings, structlog.get_logger()).tables(found.cards, {})
    assert set(tables) == {card.key for card in found.cards}
    assert len(asked_for) == len(set(asked_for)) < len(found.cards)
