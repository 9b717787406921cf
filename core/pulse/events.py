"""The event contract, version 1: what a record's value must say to become an event.

The published form is schema/event-v1.schema.json; both are held to one corpus of documents by the tests. Decoding is
pure: the same bytes, record time and coordinates give the same event or the same rejection, on every replay.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from pulse import ids
from pulse.documents import NO_METADATA, Document, checked_properties, decoded, refuse_nul
from pulse.errors import Rejection
from pulse.fingerprint import fingerprint

KNOWN_TYPES = frozenset(
    {
        "page_view",
        "product_view",
        "search",
        "add_to_cart",
        "remove_from_cart",
        "checkout",
        "payment",
        "button_click",
        "form_submit",
        "video_play",
    }
)

REJECTION_CODES = {
    "empty_value": "The record has no value (a tombstone) or an empty one.",
    "not_utf8": "The value holds bytes that are not UTF-8.",
    "invalid_json": "The value is not one JSON document.",
    "not_an_object": "The value is JSON, but not an object.",
    "missing_field": "A required field is absent.",
    "wrong_type": "A field holds another JSON type than the contract says.",
    "out_of_range": "A number or a text lies outside the limits of its field.",
    "invalid_event_type": "event_type is not of the form [a-z][a-z0-9_]{0,63}.",
    "custom_event": "event_type is none of the known ones, and this pipeline keeps only those.",
    "invalid_event_id": "event_id is not a UUID in its 36-character form.",
    "invalid_timestamp": "A time is not RFC 3339.",
    "timestamp_out_of_range": "A time lies before 2000-01-01 or more than 24 hours after the arrival.",
    "nul_character": "A text holds U+0000, which Postgres cannot store.",
    "nesting_too_deep": "Properties are nested deeper than 64 levels.",
    "rejected_by_collector": "The collector refused the event and passed it on unchanged.",
    "invalid_redrive": "It is said to be a dead letter that is sent again, and its headers do not say which.",
    "database_refused": "Postgres refused this row, and only this row, as data.",
}

EARLIEST_US = 946_684_800_000_000  # 2000-01-01T00:00:00Z
AHEAD_US = 24 * 3600 * 1_000_000
_EVENT_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Event(msgspec.Struct, frozen=True, gc=False):
    """An accepted event. Times are microseconds since 1970 UTC, ids 16 bytes, `properties` JSON bytes of an object."""

    event_id: bytes
    event_type: str
    user_id: str
    event_us: int
    page: str | None
    product_id: str | None
    category: str | None
    price_cents: int | None
    search_query: str | None
    funnel_step_index: int | None
    funnel_complete: bool | None
    session_id: str | None
    anonymous_id: str | None
    properties: bytes | None
    fingerprint: bytes
    received_us: int | None


class Judged(NamedTuple):
    """What is known of a document that may become an event. `event_id` is None where it has none of its own."""

    event_us: int
    received_us: int | None
    event_id: bytes | None
    properties: dict[str, Any] | None


class EventDecoder:
    """Turns record values into events, or says why one cannot become an event."""

    def __init__(self, *, custom_events: bool = True) -> None:
        self._custom_events = custom_events
        self._accepted_types: set[str] = set(KNOWN_TYPES)

    def decode(self, value: bytes | None, kafka_us: int | None, topic_id: bytes, partition: int, offset: int) -> Event:
        """The event in `value`. Rejection names the code, the field and the reason.

        `kafka_us` is the record's time in microseconds, None when the broker has none; without received_at in the
        document it is the arrival against which the event's own time is judged.
        """
        if not value:
            raise Rejection("empty_value", "the record has no value")
        document = decoded(value)
        event_us, received_us, event_id, properties = self.judged(document, value, kafka_us)
        metadata = document.metadata or NO_METADATA
        if event_id is None:
            id_us = event_us if kafka_us is None else kafka_us
            event_id = ids.of_record(id_us // 1000, document.user_id, topic_id, partition, offset)
        return Event(
            event_id,
            document.event_type,
            document.user_id,
            event_us,
            document.page,
            metadata.product_id,
            metadata.category,
            None if metadata.price is None else _cents(metadata.price),
            metadata.search_query,
            document.funnel_step_index,
            document.funnel_complete,
            document.session_id,
            document.anonymous_id,
            None if properties is None else bytes(document.properties),
            fingerprint(document, metadata, event_us, properties),
            received_us,
        )

    def judged(self, document: Document, value: bytes, kafka_us: int | None) -> Judged:
        """What a decoded document says, if it may become an event; Rejection as of `decode`. `value` is its text."""
        if document.event_type not in self._accepted_types:
            self._accept_type(document.event_type)
        event_us = microseconds(document.timestamp)
        received_us = None if document.received_at is None else microseconds(document.received_at)
        _check_times(event_us, received_us, kafka_us)
        raw = bytes(document.properties)
        properties = None if raw == b"null" else checked_properties(raw)
        if b"\\u0000" in value:
            refuse_nul(value)
        event_id = None if document.event_id is None else ids.parsed(document.event_id)
        if event_id is None and document.event_id is not None:
            raise Rejection("invalid_event_id", "not a UUID in its 36-character form", "event_id")
        return Judged(event_us, received_us, event_id, properties)

    def _accept_type(self, event_type: str) -> None:
        if not _EVENT_TYPE.fullmatch(event_type):
            raise Rejection("invalid_event_type", "not of the form [a-z][a-z0-9_]{0,63}", "event_type")
        if not self._custom_events:
            raise Rejection("custom_event", "this pipeline keeps only the known event types", "event_type")
        if len(self._accepted_types) < 10_000:  # a producer that invents a type per event must not fill the memory
            self._accepted_types.add(event_type)


def microseconds(moment: dt.datetime) -> int:
    """Microseconds since 1970; a time without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _check_times(event_us: int, received_us: int | None, kafka_us: int | None) -> None:
    if received_us is not None and not EARLIEST_US <= received_us <= _latest(kafka_us, received_us):
        raise Rejection("timestamp_out_of_range", "before 2000-01-01 or over 24 h after the record", "received_at")
    arrival_us = kafka_us if received_us is None else received_us
    if not EARLIEST_US <= event_us <= _latest(arrival_us, event_us):
        raise Rejection("timestamp_out_of_range", "before 2000-01-01 or over 24 h after the arrival", "timestamp")


def _latest(reference_us: int | None, own_us: int) -> int:
    return own_us if reference_us is None else reference_us + AHEAD_US


@lru_cache(maxsize=65_536)
def _cents(price: float) -> int:
    """The price in hundredths, halves away from zero, of the decimal that the producer wrote."""
    return int((Decimal(repr(price)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
