"""Write keys, names of senders and origins: what is taken, and what is said of the rest."""

from __future__ import annotations

import pytest

from pulse import senders

KEY = "a-long-random-text"


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example", "http://localhost:8080", "https://[2001:db8::1]:8443", "https://a", "http://10.0.0.1"],
)
def test_an_origin_is_scheme_host_and_port(origin: str) -> None:
    assert senders.is_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "", "shop.example", "https://", "https://Shop.example", "https://shop.example/", "ftp://shop.example"),
        *(
            "https://shop.example\n",
            "https://shop.example:",
            "https://shop.example:123456",
            "null",
            "https://a,https://b",
        ),
    ],
)
def test_anything_else_is_none(origin: str) -> None:
    assert not senders.is_origin(origin)


def test_names_and_keys_that_can_be_used() -> None:
    entries = [("web", KEY), ("a" * 40, "12345678"), ("0-_", "Az09._~-"), ("app", "x" * 200)]
    assert senders.mistake(entries) is None
    assert senders.mistake([]) is None


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (("Web", KEY), "is not of the form name:key"),
        (("", KEY), "is not of the form"),
        (("a" * 41, KEY), "up to 40"),
        (("-web", KEY), "is not of the form"),
        (("web", "1234567"), "8 to 200"),
        (("web", "x" * 201), "8 to 200"),
        (("web", "with,comma"), "is not of the form"),
        (("web", "with a space"), "is not of the form"),
        (("web", f"{KEY}\n"), "is not of the form"),
        (("web", "first-of-all"), "has the key of first"),
    ],
)
def test_the_entry_that_cannot_be_used_is_told_without_its_key(entry: tuple[str, str], says: str) -> None:
    found = senders.mistake([("first", "first-of-all"), ("second", "second-of-all"), entry])
    assert found is not None
    assert found[0] == 2
    assert says in found[1]
    assert entry[1] == "" or entry[1] not in found[1]


def test_no_more_keys_are_taken_than_a_variable_can_hold() -> None:
    most = [(f"n{'a' * 35}{number:03}", f"{'k' * 197}{number:03}") for number in range(senders.MOST_KEYS)]
    assert senders.mistake(most) is None
    assert len(senders.keys_text(dict(most))) < 128 * 1024
    found = senders.mistake([*most, ("one", "too-many")])
    assert found is not None
    assert "401 keys, and 400 are the most" in found[1]


def test_keys_are_written_in_one_order() -> None:
    assert senders.keys_text({"b": "key-of-b", "a": "key-of-a"}) == "a:key-of-a,b:key-of-b"
