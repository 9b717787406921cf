"""An event as the bytes that COPY ... WITH (FORMAT binary) takes. Pure; the column order here is the one of the stage.

Wire formats: PostgreSQL documentation, COPY, "Binary Format"; numeric and timestamptz as their send functions write
them (base-10000 digits; microseconds since 2000-01-01).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache

from pulse.events import Event

# Name and type OID of every column, in COPY order. The consumer checks them against the table before it starts.
COLUMNS: tuple[tuple[str, int], ...] = (
    ("event_id", 2950),
    ("event_type", 25),
    ("user_id", 25),
    ("event_timestamp", 1184),
    ("page", 25),
    ("product_id", 25),
    ("category", 25),
    ("price", 1700),
    ("search_query", 25),
    ("funnel_step_index", 21),
    ("funnel_complete", 16),
    ("session_id", 25),
    ("anonymous_id", 25),
    ("properties", 3802),
    ("fingerprint", 17),
    ("received_at", 1184),
    ("kafka_timestamp", 1184),
    ("kafka_timestamp_trusted", 16),
    ("topic_id", 2950),
    ("kafka_partition", 23),
    ("kafka_offset", 20),
)

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_NULL = b"\xff\xff\xff\xff"
_POSTGRES_EPOCH_US = 946_684_800_000_000
_length = struct.Struct("!i").pack
_time = struct.Struct("!iq").pack
_fixed_head = struct.Struct("!hi16s").pack
_fixed_tail = struct.Struct("!iqi?i16siiiq").pack
_SMALLINTS: dict[int | None, bytes] = {None: _NULL, **{number: struct.pack("!ih", 2, number) for number in range(5)}}
_BOOLEANS: dict[bool | None, bytes] = {None: _NULL, False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    raw = value.encode()
    return _length(len(raw)) + raw


@lru_cache(maxsize=65_536)
def _often(value: str | None) -> bytes:
    """`_text` for columns whose values repeat: types, pages, products, categories."""
    return _text(value)


@lru_cache(maxsize=65_536)
def _price(cents: int | None) -> bytes:
    if cents is None:
        return _NULL
    whole, hundredths = divmod(cents, 100)
    digits: list[int] = []
    while whole:
        whole, digit = divmod(whole, 10_000)
        digits.insert(0, digit)
    weight = len(digits) - 1
    digits.append(hundredths * 100)
    body = struct.pack(f"!hhHh{len(digits)}h", len(digits), weight, 0, 2, *digits)
    return _length(len(body)) + body


def packed(event: Event, kafka_us: int, trusted: bool, topic_id: bytes, partition: int, offset: int) -> bytes:
    """One row, without the header and the trailer of the stream."""
    properties = event.properties
    fingerprint = event.fingerprint
    return b"".join(
        (
            _fixed_head(len(COLUMNS), 16, event.event_id),
            _often(event.event_type),
            _text(event.user_id),
            _time(8, event.event_us - _POSTGRES_EPOCH_US),
            _often(event.page),
            _often(event.product_id),
            _often(event.category),
            _price(event.price_cents),
            _text(event.search_query),
            _SMALLINTS[event.funnel_step_index],
            _BOOLEANS[event.funnel_complete],
            _text(event.session_id),
            _text(event.anonymous_id),
            _NULL if properties is None else _length(len(properties) + 1) + b"\x01" + properties,
            _length(len(fingerprint)),
            fingerprint,
            _NULL if event.received_us is None else _time(8, event.received_us - _POSTGRES_EPOCH_US),
            _fixed_tail(8, kafka_us - _POSTGRES_EPOCH_US, 1, trusted, 16, topic_id, 4, partition, 8, offset),
        )
    )


def stream(rows: Iterable[bytes]) -> bytes:
    """The whole COPY stream of the rows."""
    return b"".join((HEADER, *rows, TRAILER))
