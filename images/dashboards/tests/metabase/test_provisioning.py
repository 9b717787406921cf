"""However it goes, a Metabase ends with the same dashboards, and a second run changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog

from pulse.errors import Stop
from pulse.settings import DatabaseSettings, LogSettings, MetabaseSettings
from pulse_dashboards import load
from pulse_dashboards.metabase.client import MetabaseRefuses, MetabaseUnavailable
from pulse_dashboards.metabase.provision import Outcome, provision
from pulse_dashboards.model import Catalogue

from .fake import FakeMetabase, serving

SHIPPED = load.shipped()
# Two dashboards with three cards each, so that every moment of a run can be its last in a test.
SMALL = msgspec.structs.replace(
    SHIPPED,
    dashboards=tuple(msgspec.structs.replace(one, cards=one.cards[:3]) for one in SHIPPED.dashboards[:2]),
)
LOG = structlog.get_logger()
# What a catalogue came to, with the catalogue: as long as that is kept, nothing else has its id.
STATES: dict[int, tuple[Catalogue, Any]] = {}


@pytest.fixture
def fake() -> FakeMetabase:
    return FakeMetabase()


@pytest.fixture
def settings(fake: FakeMetabase) -> Iterator[MetabaseSettings]:
    """What provisions the fake, without patience for outages."""
    with serving(fake) as url:
        yield MetabaseSettings(
            DatabaseSettings("postgresql://shop_reader:secret@db.example:5432/shop?sslmode=require"),
            LogSettings(level="error"),
            "shop",
            url,
            "admin@example.com",
            "a password of some length",
            wait=timedelta(0),
        )


def run(settings: MetabaseSettings, catalogue: Catalogue = SMALL, **changes: Any) -> Outcome:
    return provision(replace(settings, **changes), catalogue, LOG)


def wanted_state(settings: MetabaseSettings, catalogue: Catalogue = SMALL) -> Any:
    """What a new Metabase comes to."""
    if id(catalogue) not in STATES:
        fresh = FakeMetabase()
        with serving(fresh) as url:
            provision(replace(settings, url=url), catalogue, LOG)
        STATES[id(catalogue)] = (catalogue, fresh.state())
    return STATES[id(catalogue)][1]


def test_a_new_metabase_gets_every_dashboard_and_every_request_fits_the_description(
    fake: FakeMetabase, settings: MetabaseSettings
) -> None:
    run(settings, SHIPPED)
    assert fake.faults == []
    assert not [write for write in fake.writes if "/ee/" in write]
    assert len(fake.dashboards) == len(SHIPPED.dashboards)
    assert len(fake.cards) == sum(len(one.cards) for one in SHIPPED.dashboards)
    assert [one["name"] for one in fake.collections.values()] == ["Pulse: shop"]
    (database,) = fake.databases.values()
    assert database["details"]["user"] == "shop_reader"
    assert database["details"]["password"] == "secret"
    assert database["details"]["ssl"] is True
    assert fake.syncs == 1
    for dashboard, known in zip(fake.dashboards.values(), SHIPPED.dashboards, strict=True):
        assert len(dashboard["dashcards"]) == len(known.cards)
        assert [one["slug"] for one in dashboard["parameters"]] == list(known.filters)
        assert all(card["col"] + card["size_x"] <= 24 for card in dashboard["dashcards"])
        places = {(row, column) for card in dashboard["dashcards"] for row, column in cells(card)}
        assert len(places) == sum(card["size_x"] * card["size_y"] for card in dashboard["dashcards"]), "cards overlap"


def cells(card: dict[str, Any]) -> Iterator[tuple[int, int]]:
    for row in range(card["row"], card["row"] + card["size_y"]):
        for column in range(card["col"], card["col"] + card["size_x"]):
            yield row, column


def test_a_second_run_writes_nothing(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    assert run(settings, SHIPPED).writes == len(fake.writes)
    fake.writes.clear()
    before = copy.deepcopy(fake.state())
    assert run(settings, SHIPPED) == Outcome(0, ())
    assert fake.writes == []
    assert fake.state() == before


def test_the_password_is_never_where_people_can_read_it(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    run(settings)
    (database,) = fake.databases.values()
    assert "secret" not in str({name: value for name, value in database.items() if name != "details"})


def test_another_password_of_the_reader_reaches_metabase(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    run(settings)
    fake.writes.clear()
    run(settings, database=DatabaseSettings("postgresql://shop_reader:new@db.example:5432/shop?sslmode=require"))
    (database,) = fake.databases.values()
    assert database["details"]["password"] == "new"
    assert fake.writes == [f"PUT /api/database/{database['id']}", f"POST /api/database/{database['id']}/sync_schema"]


def first(things: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return next(iter(things.values()))


DRIFTS: dict[str, Callable[[FakeMetabase], Any]] = {
    "a card is gone": lambda fake: first(fake.cards).update(archived=True),
    "a dashboard is gone": lambda fake: first(fake.dashboards).update(archived=True),
    "a card was taken off": lambda fake: first(fake.dashboards)["dashcards"].pop(),
    "a card was moved": lambda fake: first(fake.dashboards)["dashcards"][0].update(col=7),
    "a statement was changed": lambda fake: first(fake.cards)["dataset_query"]["native"].update(query="select 1"),
    "a card was renamed": lambda fake: first(fake.cards).update(name="Mine"),
    "a chart was changed": lambda fake: first(fake.cards).update(display="pie"),
    "a filter was taken off": lambda fake: first(fake.dashboards)["parameters"].pop(),
    "the database is elsewhere": lambda fake: first(fake.databases)["details"].update(host="elsewhere"),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_what_drifted_is_set_back(
    fake: FakeMetabase, settings: MetabaseSettings, drift: Callable[[FakeMetabase], Any]
) -> None:
    run(settings)
    wanted = copy.deepcopy(fake.state())
    drift(fake)
    assert fake.state() != wanted
    assert run(settings, edited="overwrite").kept == ()
    assert fake.state() == wanted
    assert run(settings, edited="overwrite").writes == 0
    assert fake.faults == []


@pytest.mark.parametrize("name", ["a card was moved", "a statement was changed", "a card was renamed"])
def test_an_edit_by_hand_is_told_and_kept(fake: FakeMetabase, settings: MetabaseSettings, name: str) -> None:
    run(settings)
    DRIFTS[name](fake)
    edited = copy.deepcopy(fake.state())
    outcome = run(settings)
    assert outcome.writes == 0
    assert len(outcome.kept) == 1
    assert fake.state() == edited


def test_what_pulse_does_not_set_is_a_persons_own(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    run(settings)
    own = {"id": 900, "archived": False, "name": "Mine", "description": "Not Pulse's", "display": "table"}
    fake.cards[900] = {
        **copy.deepcopy(first(fake.cards)),
        **own,
    }
    on_it = {"id": 901, "card_id": 900, "row": 90, "col": 0, "size_x": 4, "size_y": 4, "parameter_mappings": []}
    first(fake.dashboards)["dashcards"].append(on_it)
    first(fake.cards)["visualization_settings"]["graph.colors"] = ["#123456"]
    before = copy.deepcopy(fake.state())
    assert run(settings) == Outcome(0, ())
    DRIFTS["a card was moved"](fake)
    run(settings, edited="overwrite")
    assert fake.state() == before


def test_a_card_of_a_later_version_is_set_and_a_removed_one_is_archived(
    fake: FakeMetabase, settings: MetabaseSettings
) -> None:
    run(settings)
    one, other = SMALL.dashboards
    changed = msgspec.structs.replace(one.cards[0], title="Another title")
    newer = msgspec.structs.replace(
        SMALL, dashboards=(msgspec.structs.replace(one, cards=(changed, *one.cards[2:])), other)
    )
    removed = f"{one.title}: {one.cards[1].title}"
    assert run(settings, newer).kept == ()
    assert fake.state() == wanted_state(settings, newer)
    assert [card["archived"] for card in fake.cards.values() if card["name"] == removed] == [True]
    assert run(settings, newer).writes == 0
    without = msgspec.structs.replace(newer, dashboards=newer.dashboards[1:])
    run(settings, without)
    assert fake.state() == wanted_state(settings, without)
    assert fake.faults == []


@pytest.mark.parametrize("moment", range(1, 16))
def test_a_run_that_is_killed_after_any_write_is_completed_by_the_next(
    fake: FakeMetabase, settings: MetabaseSettings, moment: int
) -> None:
    fake.dies_after_writes = moment
    with pytest.raises(MetabaseUnavailable):
        run(settings)
    assert len(fake.writes) == moment
    fake.dies_after_writes, fake.is_dead = None, False
    run(settings)
    assert fake.state() == wanted_state(settings)
    assert run(settings) == Outcome(0, ())
    assert fake.faults == []


def test_the_moments_above_are_all_that_there_are(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    assert run(settings).writes == 15


def test_a_metabase_that_starts_is_waited_for(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    fake.starting = 4
    run(settings, wait=timedelta(seconds=30))
    assert fake.state() == wanted_state(settings)


def test_one_that_does_not_come_is_given_up(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    fake.starting = 1_000_000
    with pytest.raises(MetabaseUnavailable, match="Metabase answers 503"):
        run(settings, wait=timedelta(seconds=1))


@pytest.mark.parametrize("every", [29, 37, 41])
def test_one_that_restarts_in_between_ends_with_the_same(
    fake: FakeMetabase, settings: MetabaseSettings, every: int
) -> None:
    fake.away_every = every
    run(settings, wait=timedelta(seconds=60))
    fake.away_every = 0
    assert fake.state() == wanted_state(settings)
    assert run(settings).writes == 0
    assert fake.faults == []


def test_sessions_that_end_are_begun_again(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    fake.session_requests = 25
    run(settings, wait=timedelta(seconds=60))
    assert len(fake.sessions) > 2
    assert fake.state() == wanted_state(settings)


def test_a_metabase_with_another_administrator_is_refused_with_what_to_do(
    fake: FakeMetabase, settings: MetabaseSettings
) -> None:
    fake.users["somebody@example.com"] = "else"
    with pytest.raises(MetabaseRefuses, match="set PULSE_METABASE_EMAIL and PULSE_METABASE_PASSWORD"):
        run(settings)
    assert fake.writes == []


def test_a_wrong_setup_token_is_refused(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    with pytest.raises(MetabaseRefuses, match="setup token"):
        run(settings, setup_token="wrong")
    assert fake.users == {}


def test_a_connection_string_without_a_host_is_refused(settings: MetabaseSettings) -> None:
    with pytest.raises(Stop, match="PULSE_DATABASE_DSN names no host"):
        run(settings, database=DatabaseSettings("dbname=shop user=u password=p"))


def test_the_form_of_queries_of_new_versions_is_understood(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    run(settings)
    fake.knows_legacy_word = False
    assert run(settings) == Outcome(0, ())


def test_a_card_that_is_there_twice_is_archived_once(fake: FakeMetabase, settings: MetabaseSettings) -> None:
    run(settings)
    wanted = copy.deepcopy(fake.state())
    fake.cards[800] = {**copy.deepcopy(first(fake.cards)), "id": 800}
    run(settings)
    assert fake.state() == wanted
