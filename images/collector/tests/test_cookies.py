"""The cookie: when it may be set, what it says, and whose words it takes for an id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.errors import SettingsError
from pulse_collector import cookies
from pulse_collector.cookies import Cookies

VISITOR = "018f4e3a-7c1b-7abc-8def-0123456789ab"


def made(kind: str, domain: str = "") -> Cookies:
    return Cookies(kind, domain, lambda: VISITOR)


@pytest.mark.parametrize(
    ("kind", "domain", "expected"),
    [
        ("readable", "", "Path=/; SameSite=Lax; Secure"),
        ("readable", "shop.example", "Path=/; SameSite=Lax; Secure; Domain=shop.example"),
        ("http-only", "", "Path=/; SameSite=Lax; Secure; HttpOnly"),
    ],
)
def test_it_is_secure_of_this_site_and_lasts_395_days(kind: str, domain: str, expected: str) -> None:
    ((name, value),) = made(kind, domain).set(VISITOR)
    assert name == b"set-cookie"
    assert value.decode() == f"pulse_id={VISITOR}; Max-Age=34128000; {expected}"
    assert made(kind, domain).forget() == [(b"set-cookie", f"pulse_id=; Max-Age=0; {expected}".encode())]


@given(st.none() | st.text(max_size=40) | st.text("\r\n;= ", min_size=36, max_size=36))
def test_no_other_text_than_an_id_gets_into_a_header(visitor: str | None) -> None:
    assert made("readable").set(visitor) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [(b"cookie=1", True), (b"key=k&cookie=1", True), (b"", False), (b"cookie=0", False), (b"xcookie=1", False)],
)
def test_a_page_has_to_ask_for_it(query: bytes, expected: bool) -> None:
    assert made("readable").asked(query) is expected
    assert made("none").asked(query) is False


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({b"sec-gpc": b"1"}, False),
        ({b"dnt": b"1"}, False),
        ({b"dnt": b"0", b"sec-gpc": b"0"}, True),
        ({b"sec-fetch-site": b"cross-site"}, False),
        ({b"sec-fetch-site": b"same-site"}, True),
    ],
)
def test_a_browser_that_says_no_and_a_page_of_another_site_get_none(
    headers: dict[bytes, bytes], expected: bool
) -> None:
    assert cookies.allowed(headers) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        (f"pulse_id={VISITOR}", VISITOR),
        (f"a=b; pulse_id={VISITOR}; c=d", VISITOR),
        (f"xpulse_id={VISITOR}", None),
        (f"pulse_id={VISITOR}0", None),
        ("pulse_id=short", None),
        ("pulse_id=" + "é" * 36, None),
    ],
)
def test_an_id_is_read_from_the_cookie_or_it_is_none(header: str, expected: str | None) -> None:
    assert cookies.visitor({b"cookie": header.encode("latin-1")}) == expected


@pytest.mark.parametrize(
    "domain", ["shop", "https://shop.example", "shop.example; Path=/x", ".shop.example", "Shop.example"]
)
def test_what_is_no_domain_stops_the_start(domain: str) -> None:
    with pytest.raises(SettingsError, match="PULSE_COLLECTOR_COOKIE_DOMAIN"):
        made("readable", domain)
