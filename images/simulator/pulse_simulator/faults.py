"""Pure faults: what arrives late, twice, out of order or broken, and how.

Every malformed document breaks a rule of the event contract that no setting lifts, so it is certain to be refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from pulse_simulator.model import HOUR_MS, MINUTE_MS, SECOND_MS


@dataclass(frozen=True, slots=True)
class Shares:
    """How often each fault happens, as a share of the good events."""

    late: float = 0.0
    duplicate: float = 0.0
    disorder: float = 0.0
    malformed: float = 0.0


def punctual_delay_ms(rng: Random) -> int:
    """From the event to its arrival, on a normal way: up to three seconds."""
    return 20 + int(3000 * rng.random() ** 4)


def late_delay_ms(rng: Random) -> int:
    """From the event to its arrival for a late one: 6 minutes to 6 hours, a minute clear of the limit of 5."""
    return 6 * MINUTE_MS + int((6 * HOUR_MS - 6 * MINUTE_MS) * rng.random() ** 2)


def disorder_ms(rng: Random) -> int:
    """How far an event is sent from its place in the order: far less than what counts as late."""
    return SECOND_MS + int(119 * SECOND_MS * rng.random())


def repeat_after_ms(rng: Random, longest_ms: int) -> int:
    """When the same bytes are sent again: half of them at once, the others up to `longest_ms` later."""
    return 0 if rng.random() < 0.5 else int(longest_ms * rng.random())


def _always(value: bytes | None) -> Callable[[bytes], bytes | None]:
    return lambda _: value


def _with(name: str, value: Any) -> Callable[[bytes], bytes]:
    """The good document with one field set to `value`."""
    return lambda good: json.dumps({**json.loads(good), name: value}).encode()


def _without(name: str) -> Callable[[bytes], bytes]:
    return lambda good: json.dumps({key: value for key, value in json.loads(good).items() if key != name}).encode()


def _user(bytes_in_front: bytes) -> Callable[[bytes], bytes]:
    """The good document with raw bytes at the start of its user_id, which no JSON library would write."""
    return lambda good: good.replace(b'"user_id":"', b'"user_id":"' + bytes_in_front, 1)


def _nested(text: str) -> Callable[[bytes], bytes]:
    """The good document with `text` as its properties, too deep for the library to write."""
    return lambda good: _with("properties", "@")(good).replace(b'"@"', text.encode())


MALFORMED: dict[str, Callable[[bytes], bytes | None]] = {
    # not a JSON object at all
    "tombstone": _always(None),
    "empty": _always(b""),
    "cut_off": lambda good: good[: len(good) // 2],
    "two_documents": lambda good: good + good,
    "trailing_comma": lambda good: good[:-1] + b",}",
    "single_quotes": lambda good: good.replace(b'"', b"'"),
    "array": lambda good: b"[" + good + b"]",
    "text": _always(b'"page_view"'),
    "number": _always(b"42"),
    "null": _always(b"null"),
    "binary": lambda good: b"\x00\x01\x02\xfe\xff" + good[:20],
    # texts that no database can store
    "not_utf8": _user(b"caf\xe9-"),
    "lone_surrogate": _user(b"\\ud800"),
    "nul_escape": _user(b"\\u0000"),
    "raw_control_character": _user(b"\x01"),
    # required fields
    "no_user": _without("user_id"),
    "user_empty": _with("user_id", ""),
    "user_too_long": _with("user_id", "x" * 201),
    "user_number": _with("user_id", 12345),
    "user_null": _with("user_id", None),
    "no_event_type": _without("event_type"),
    "event_type_capitals": _with("event_type", "PageView"),
    "event_type_number": _with("event_type", 7),
    "no_timestamp": _without("timestamp"),
    "timestamp_words": _with("timestamp", "yesterday at noon"),
    "timestamp_list": _with("timestamp", ["2024-01-01T00:00:00Z"]),
    "timestamp_1970": _with("timestamp", "1970-01-01T00:00:00Z"),
    "timestamp_2099": _with("timestamp", "2099-12-31T23:59:59Z"),
    "timestamp_no_such_day": _with("timestamp", "2024-01-99T00:00:00Z"),
    # optional fields
    "event_id_no_uuid": _with("event_id", "not-a-uuid"),
    "page_number": _with("page", 5),
    "step_9": _with("funnel_step_index", 9),
    "step_negative": _with("funnel_step_index", -1),
    "step_text": _with("funnel_step_index", "2"),
    "complete_text": _with("funnel_complete", "yes"),
    "price_negative": _with("metadata", {"price": -0.01}),
    "price_text": _with("metadata", {"price": "12.50"}),
    "price_huge": _with("metadata", {"price": 1e300}),
    "metadata_text": _with("metadata", "none"),
    "properties_array": _with("properties", [1, 2, 3]),
    "nested_deep": _nested('{"a":' * 200 + "1" + "}" * 200),
    "nested_very_deep": _nested('{"a":' + "[" * 5000 + "]" * 5000 + "}"),
}
_WAYS = tuple(MALFORMED.values())


def malformed(serial: int, good: bytes) -> bytes | None:
    """The good document broken in one way; consecutive serials go through all ways. None stands for no value."""
    return _WAYS[serial % len(_WAYS)](good)
