"""Keys, origins, rates, addresses, gzip, envelopes and the pixel: no sockets, no clock."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.errors import SettingsError
from pulse_collector.access import ANYBODY, access
from pulse_collector.address import client_address, truncated
from pulse_collector.bots import REASONS
from pulse_collector.envelope import opened
from pulse_collector.pixel import GIF, event_of
from pulse_collector.rate import BURST_SECONDS, Buckets
from pulse_collector.refusals import REFUSALS, Refused
from pulse_collector.unpack import unpacked

PAGE = (Path(__file__).parents[3] / "docs" / "collector.md").read_text()


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda why: why.code == code)


# -- keys and origins ----------------------------------------------------------------------------------------------


def test_a_key_has_a_name_and_others_are_refused() -> None:
    who = access("shop:abcdefgh, app:ijklmnop ", "")
    assert (who.name_of("abcdefgh"), who.name_of("ijklmnop")) == ("shop", "app")
    for wrong in ("", "abcdefg", "ABCDEFGH", "shop"):
        with refused("unknown_key"):
            who.name_of(wrong)
    assert access("", "").name_of("whatever") == ANYBODY
    assert "abcdefgh" not in repr(who)


@pytest.mark.parametrize("keys", ["shop", "shop:short", "Shop:abcdefgh", "a:abcdefgh,b:abcdefgh", "a:with space"])
def test_keys_that_cannot_be_meant_stop_the_start_without_being_told(keys: str) -> None:
    with pytest.raises(SettingsError, match=r"PULSE_COLLECTOR_KEYS: entry \d") as told:
        access(keys, "")
    assert "abcdefgh" not in str(told.value)


def test_an_origin_is_taken_as_it_is_written() -> None:
    who = access("", "https://shop.example, http://localhost:8080")
    for listed in ("https://shop.example", "http://localhost:8080", None):
        who.check_origin(listed)
    for other in ("http://shop.example", "https://shop.example.evil", "https://a.shop.example", "null", "", "*"):
        with refused("origin_not_allowed"):
            who.check_origin(other)


@pytest.mark.parametrize("origins", ["*", "shop.example", "https://shop.example/", "https://Shop.example", "null"])
def test_an_origin_that_no_browser_sends_stops_the_start(origins: str) -> None:
    with pytest.raises(SettingsError, match="PULSE_COLLECTOR_ORIGINS"):
        access("", origins)


# -- rates ---------------------------------------------------------------------------------------------------------


def test_who_sends_too_much_waits_as_long_as_told_and_nobody_else_does() -> None:
    buckets = Buckets(10)
    assert buckets.wait_seconds("junk", 0) == 0
    buckets.take("junk", 1_000, 0)
    wait = buckets.wait_seconds("junk", 0)
    assert wait == pytest.approx(BURST_SECONDS + 0.1), "the debt is bounded"
    assert buckets.wait_seconds("good", 0) == 0
    assert buckets.wait_seconds("junk", wait + 0.001) == 0


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 50)), max_size=60))
def test_no_sender_gets_more_than_its_rate_and_one_burst(steps: list[tuple[float, int]]) -> None:
    buckets, now, got = Buckets(20), 0.0, 0
    for pause, wanted in steps:
        now += pause
        got += buckets.granted("a", wanted, now)
    assert got <= 20 * now + 20 * BURST_SECONDS + 1


def test_senders_without_end_do_not_fill_the_memory() -> None:
    buckets = Buckets(1, most_senders=100)
    for number in range(10_000):
        buckets.take(str(number), 1, 0)
    assert len(buckets._buckets) == 100


def test_a_rate_of_zero_limits_nothing() -> None:
    buckets = Buckets(0)
    buckets.take("a", 10**9, 0)
    assert (buckets.wait_seconds("a", 0), buckets.granted("a", 7, 0)) == (0, 7)


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ("", 0, "peer"),
        ("1.1.1.1", 0, "peer"),
        ("1.1.1.1", 1, "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1", 1, "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1, 2.2.2.2", 2, "1.1.1.1"),
        ("1.1.1.1", 2, "1.1.1.1"),
        ("", 1, "peer"),
    ],
)
def test_only_what_our_own_proxies_wrote_is_believed(forwarded: str, proxies: int, expected: str) -> None:
    assert client_address("peer", forwarded, proxies) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1234:5678::9", "2001:db8:1234::"),
        ("[2001:db8:1234:5678::9]", "2001:db8:1234::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_an_address_loses_what_tells_households_apart(address: str, expected: str) -> None:
    assert truncated(address) == expected


@given(st.ip_addresses())
def test_a_truncated_address_cannot_be_truncated_further(address: object) -> None:
    assert truncated(truncated(str(address))) == truncated(str(address))


# -- gzip ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=1_000))
def test_what_was_packed_is_unpacked(body: bytes) -> None:
    assert unpacked(gzip.compress(body), 1_000) == body


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    machine = zlib.compressobj(9, wbits=31)
    bomb = b"".join([machine.compress(bytes(1024 * 1024)) for _ in range(200)]) + machine.flush()
    assert len(bomb) < 1024 * 1024
    tracemalloc.start()
    try:
        with refused("unpacked_too_large"):
            unpacked(bomb, 4 * 1024 * 1024)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


NO_GZIP = {
    "nothing": b"",
    "plain": b"plain",
    "half": gzip.compress(b"x")[:-1],
    "more": gzip.compress(b"x") + b"y",
    "zlib": zlib.compress(b"x"),
}


@pytest.mark.parametrize("body", NO_GZIP.values(), ids=NO_GZIP)
def test_what_is_not_one_whole_gzip_is_refused(body: bytes) -> None:
    with refused("bad_gzip"):
        unpacked(body, 100)


# -- envelopes -----------------------------------------------------------------------------------------------------


def test_one_event_or_a_batch() -> None:
    assert opened(b' {"event_type": "x"} ', 5).events == [b' {"event_type": "x"} ']
    found = opened(b'{"sent_at": "2026-01-02T03:04:05Z", "batch": [{"a": 1}, 7, {"b": [2]}]}', 5)
    assert found.events == [b'{"a": 1}', b"7", b'{"b": [2]}']
    assert found.sent_at == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert opened(b'{"batch": []}', 5) == ([], None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_body"),
        (b" \n", "empty_body"),
        (b"{", "invalid_json"),
        (b'{"a": 1} {', "invalid_json"),
        (b"event_type=page_view", "invalid_json"),
        (b'{"a": "\xff"', "not_utf8"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"batch": {}}', "invalid_batch"),
        (b'{"batch": null}', "invalid_batch"),
        (b'{"batch": [1,2,3,4,5,6]}', "too_many_events"),
        (b'{"batch": [], "sent_at": "now"}', "invalid_sent_at"),
        (b'{"batch": [], "sent_at": 5}', "invalid_sent_at"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nesting_too_deep"),
    ],
)
def test_a_body_that_holds_no_events_is_refused_by_name(body: bytes, code: str) -> None:
    with refused(code):
        opened(body, 5)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_opened_or_refused(body: bytes) -> None:
    try:
        opened(body, 5)
    except Refused as why:
        assert why.code in REFUSALS


# -- the pixel -----------------------------------------------------------------------------------------------------


def test_a_query_is_an_event() -> None:
    query = {"event_type": "product_view", "user_id": "u", "product_id": "7", "price": "9.5", "key": "k", "own": "1"}
    event = json.loads(event_of(query, 1_767_323_046_000_000))
    assert event == {
        "event_type": "product_view",
        "user_id": "u",
        "timestamp": "2026-01-02T03:04:06Z",
        "metadata": {"product_id": "7", "price": 9.5},
        "properties": {"own": "1"},
    }
    assert json.loads(event_of({}, 0))["event_type"] == "page_view"
    assert GIF.startswith(b"GIF89a")


@pytest.mark.parametrize("price", ["", "x", "NaN", "1e999x", "[1]"])
def test_a_price_that_is_no_number_is_refused(price: str) -> None:
    with refused("invalid_query"):
        event_of({"price": price}, 0)


# -- the page ------------------------------------------------------------------------------------------------------


def test_the_page_names_every_code_with_its_status_and_every_reason_for_a_bot() -> None:
    for code, (status, _) in REFUSALS.items():
        assert f"| {status} | `{code}` |" in PAGE, code
    for reason in REASONS:
        assert f"`{reason}`" in PAGE, reason
