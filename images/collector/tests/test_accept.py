"""What becomes of an event: held to the contract's own decoder, to its corpus and to made-up events."""

from __future__ import annotations

import datetime as dt
import json
import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kit import corpus

from pulse.events import REJECTION_CODES, Event, EventDecoder
from pulse_collector.accept import EVENT_TOO_LARGE, Acceptance, Accepted, Client, Rejected

NOW_US = corpus.ARRIVAL_US
NOW = dt.datetime.fromtimestamp(NOW_US / 1e6, dt.UTC)
HOUR = dt.timedelta(hours=1)
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile "
    "Safari/537.36"
)
BROWSER = Client(CHROME)
ACCEPTANCE = Acceptance(event_bytes=32 * 1024)
EVENT: dict[str, Any] = {"event_type": "page_view", "user_id": "u-1", "timestamp": "2026-01-02T03:04:05Z"}


def sent(
    *events: bytes, at: dt.datetime | None = None, received_us: int = NOW_US, client: Client = BROWSER
) -> list[Accepted | Rejected]:
    """What becomes of them."""
    found = ACCEPTANCE.sorted(events, at, received_us, client)
    return [*found.accepted, *found.rejected]


def accepted(event: bytes | dict[str, Any], **words: Any) -> Accepted:
    (found,) = sent(event if isinstance(event, bytes) else json.dumps(event).encode(), **words)
    assert isinstance(found, Accepted), found
    return found


def rejected(event: bytes | dict[str, Any], **words: Any) -> Rejected:
    (found,) = sent(event if isinstance(event, bytes) else json.dumps(event).encode(), **words)
    assert isinstance(found, Rejected), found
    return found


def stored(value: bytes, received_us: int = NOW_US) -> Event:
    """The event that the consumer makes of the record."""
    return EventDecoder().decode(value, received_us, bytes(16), 0, 0)


def context(found: Accepted) -> dict[str, Any]:
    event = stored(found.value)
    assert event.properties is not None
    return dict(json.loads(event.properties)["context"])


@pytest.mark.parametrize("case", corpus.good(), ids=lambda case: case.name)
def test_what_the_contract_takes_is_taken_and_keeps_what_it_says(case: corpus.Case) -> None:
    assert case.value is not None
    before, after = stored(case.value), stored(accepted(case.value).value)
    told = ("event_type", "user_id", "event_us", "page", "product_id", "category", "price_cents", "search_query")
    told += ("funnel_step_index", "funnel_complete", "session_id", "anonymous_id")
    assert [getattr(after, name) for name in told] == [getattr(before, name) for name in told]
    assert after.received_us == NOW_US
    said = json.loads(before.properties or b"null") or {}
    kept = json.loads(after.properties or b"{}")
    assert {k: v for k, v in kept.items() if k != "context"} == {k: v for k, v in said.items() if k != "context"}


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in corpus.bad()
        if case.value and case.line["field"] != "received_at" and case.name != "user is null"
    ],
    ids=lambda case: case.name,
)
def test_what_the_contract_refuses_is_refused_for_the_same_reason_and_kept_as_it_came(case: corpus.Case) -> None:
    """Left out: the field that the collector sets itself, and the one that it may fill."""
    assert case.value is not None
    ((found,),) = [Acceptance(event_bytes=10**9).sorted([case.value], None, NOW_US, BROWSER).rejected]
    assert (found.code, found.field) == (case.line["code"], case.line["field"])
    assert found.raw == case.value
    assert found.code in REJECTION_CODES


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
times = st.integers(0, 130 * 365 * 86_400).map(lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC))
events = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(["page_view", "payment", "Bad", "own_event", 5]),
        "timestamp": times.map(dt.datetime.isoformat) | st.sampled_from(["2026-01-02", "x", None]),
    },
    optional={
        "user_id": st.text(max_size=210) | st.none(),
        "anonymous_id": st.text(max_size=210) | st.none() | st.integers(),
        "event_id": st.uuids().map(str) | st.just("no-uuid"),
        "page": st.text(max_size=20),
        "metadata": st.fixed_dictionaries({}, optional={"price": st.floats(allow_nan=False), "own": json_values}),
        "sent_at": times.map(dt.datetime.isoformat) | st.just("never"),
        "properties": st.dictionaries(st.text(max_size=10) | st.just("context"), json_values, max_size=4) | st.none(),
        "own": json_values,
    },
)


@given(events, st.none() | times)
@example({**EVENT, "properties": {"context": {"user_agent": "x" * 5_000, "is_bot": True}}}, None)
@example({**EVENT, "properties": {"context": "text", "__proto__": {"polluted": True}}}, NOW)
def test_what_is_accepted_is_stored_by_the_consumer(event: dict[str, Any], at: dt.datetime | None) -> None:
    (found,) = sent(json.dumps(event).encode("utf-8", "surrogatepass"), at=at)
    if isinstance(found, Accepted):
        made = stored(found.value)
        assert made.user_id.encode() == found.key
        assert made.event_us <= NOW_US or (at is None and "sent_at" not in event)
    else:
        assert found.code in REJECTION_CODES


@given(events, times, times, st.integers(0, 10**9))
def test_a_retry_is_the_same_event(
    event: dict[str, Any], first: dt.datetime, second: dt.datetime, later_us: int
) -> None:
    raw = json.dumps({**event, "timestamp": "2026-01-01T00:00:00Z"}).encode("utf-8", "surrogatepass")
    (one,) = sent(raw, at=first, client=Client("curl/8", ip="192.0.2.0"))
    (two,) = sent(raw, at=second, received_us=NOW_US + later_us)
    if isinstance(one, Accepted) and isinstance(two, Accepted):
        assert stored(one.value).fingerprint == stored(two.value, NOW_US + later_us).fingerprint


@pytest.mark.parametrize(
    "offset", [dt.timedelta(0), 2 * HOUR, -2 * HOUR, dt.timedelta(days=20_000), -20 * 365 * 24 * HOUR]
)
def test_a_clock_that_is_wrong_is_set_right(offset: dt.timedelta) -> None:
    waited = dt.timedelta(minutes=7)
    created, at = NOW - waited + offset, NOW + offset
    found = accepted({**EVENT, "timestamp": created.isoformat()}, at=at)
    assert stored(found.value).event_us == NOW_US - waited // dt.timedelta(microseconds=1)
    assert dt.datetime.fromisoformat(context(found)["created_at"]) == created
    assert dt.datetime.fromisoformat(context(found)["sent_at"]) == at


def test_an_event_sent_before_it_was_made_happened_when_it_arrived() -> None:
    found = accepted({**EVENT, "timestamp": (NOW + HOUR).isoformat()}, at=NOW)
    assert stored(found.value).event_us == NOW_US


def test_a_single_event_tells_when_it_was_sent_itself() -> None:
    event = {**EVENT, "timestamp": (NOW + HOUR).isoformat(), "sent_at": (NOW + 2 * HOUR).isoformat()}
    assert stored(accepted(event).value).event_us == NOW_US - 3_600_000_000
    assert b'"sent_at"' not in accepted(event).value.split(b'"properties"')[0]


@pytest.mark.parametrize("year", ["1970", "2099"])
def test_a_time_out_of_range_without_a_clock_to_set_it_right_is_refused(year: str) -> None:
    found = rejected({**EVENT, "timestamp": f"{year}-01-02T03:04:05Z"})
    assert (found.code, found.field) == ("timestamp_out_of_range", "timestamp")


def test_an_event_that_waited_since_before_2000_is_refused() -> None:
    assert rejected({**EVENT, "timestamp": "0001-01-01T00:00:00Z"}, at=NOW).code == "timestamp_out_of_range"
    assert (
        rejected({**EVENT, "timestamp": "0001-01-01T00:00:00Z"}, at=dt.datetime.max.replace(tzinfo=dt.UTC)).code
        == "timestamp_out_of_range"
    )


def test_the_anonymous_visitor_acts_where_nobody_is_signed_in() -> None:
    event = {"event_type": "page_view", "anonymous_id": "a-1", "timestamp": EVENT["timestamp"]}
    found = accepted(event)
    assert found.key == b"a-1"
    assert stored(found.value).user_id == stored(found.value).anonymous_id == "a-1"
    assert rejected({**event, "anonymous_id": ""}).field == "anonymous_id"
    assert rejected({**event, "anonymous_id": "a" * 201}).field == "anonymous_id"
    assert rejected({**event, "anonymous_id": None}).code == "missing_field"


def test_a_clients_word_on_what_only_the_collector_knows_is_not_taken() -> None:
    lies = {"is_bot": False, "bot_reason": "none", "ip": "10.0.0.1", "sent_at": "x", "title": "kept", "user_agent": 5}
    found = accepted(
        {**EVENT, "received_at": "2020-01-01T00:00:00Z", "properties": {"context": lies}}, client=Client("curl/8.0")
    )
    assert stored(found.value).received_us == NOW_US
    told = context(found)
    assert told.pop("user_agent") == {"browser": "other", "system": "other", "device": "other"}
    assert told == {"is_bot": True, "bot_reason": "library", "title": "kept"}
    assert found.bot_reason == "library"


def test_the_network_is_kept_where_the_request_has_one() -> None:
    assert context(accepted(EVENT, client=Client(CHROME, ip="192.0.2.0")))["ip"] == "192.0.2.0"
    assert "ip" not in context(accepted(EVENT))


def test_a_browser_that_a_program_drives_says_so_itself() -> None:
    driven = {**EVENT, "properties": {"context": {"webdriver": True}}}
    assert context(accepted(driven))["bot_reason"] == "webdriver"
    assert context(accepted({**EVENT, "properties": {"context": {"webdriver": False}}}))["is_bot"] is False


def test_a_server_names_the_browser_that_it_speaks_for() -> None:
    event = {**EVENT, "properties": {"context": {"user_agent": CHROME}}}
    told = context(accepted(event, client=Client("pulse-python/0.1")))
    assert told["user_agent"] == {"browser": "chrome", "system": "android", "device": "phone"}
    told = context(accepted(EVENT, client=Client("pulse-python/0.1")))
    assert (told["user_agent"]["device"], told["is_bot"]) == ("server", False)


def test_names_that_would_poison_a_prototype_are_data_like_any_other() -> None:
    poison = {"__proto__": {"admin": True}, "constructor": {"prototype": {}}}
    found = accepted({**EVENT, **poison, "properties": poison})
    kept = json.loads(stored(found.value).properties or b"{}")
    assert kept["__proto__"] == poison["__proto__"]
    assert kept["top_level.__proto__"] == poison["__proto__"]


def test_an_event_may_be_so_long_and_no_longer() -> None:
    room = 32 * 1024 - len(json.dumps({**EVENT, "page": ""}))
    accepted({**EVENT, "page": "p" * room})
    found = rejected({**EVENT, "page": "p" * (room + 1)})
    assert (found.code, found.place) == (EVENT_TOO_LARGE, 0)


def test_one_bad_event_leaves_the_others_alone() -> None:
    good = json.dumps(EVENT).encode()
    found = ACCEPTANCE.sorted([good, b"{}", b'"\xff"', good], None, NOW_US, BROWSER)
    assert len(found.accepted) == 2
    assert [(one.place, one.code) for one in found.rejected] == [(1, "missing_field"), (2, "not_an_object")]


def test_custom_events_are_refused_where_the_pipeline_keeps_none() -> None:
    strict = Acceptance(event_bytes=1_000, custom_events=False)
    found = strict.sorted([json.dumps({**EVENT, "event_type": "own"}).encode()], None, NOW_US, Client())
    assert found.rejected[0].code == "custom_event"


@given(st.text(alphabet=string.printable, max_size=60), st.text(max_size=60))
def test_nothing_that_a_client_writes_makes_it_fail(raw: str, agent: str) -> None:
    sent(raw.encode(), client=Client(agent))
