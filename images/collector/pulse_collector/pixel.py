"""The picture of one pixel that a page without script, or a mail, asks for: its query is one event. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from pulse_collector.refusals import Refused

# A GIF of one transparent pixel.
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")

_TEXTS = ("event_type", "user_id", "anonymous_id", "session_id", "event_id", "timestamp", "sent_at", "page")
_METADATA = ("product_id", "category", "search_query")
# What a query may have; anything else is a property.
QUERY = (*_TEXTS, *_METADATA, "price", "key", "cookie")


def event_of(query: Mapping[str, str], received_us: int) -> bytes:
    """The event that the query describes; what it has beside the known names goes to the properties.

    Without `event_type` it is a page_view, without `timestamp` it happens now.
    """
    event: dict[str, Any] = {name: query[name] for name in _TEXTS if name in query}
    event.setdefault("event_type", "page_view")
    if "timestamp" not in event:
        event["timestamp"] = dt.datetime.fromtimestamp(received_us // 1_000_000, dt.UTC)
    metadata: dict[str, Any] = {name: query[name] for name in _METADATA if name in query}
    if "price" in query:
        metadata["price"] = _number(query["price"])
    if metadata:
        event["metadata"] = metadata
    rest = {name: value for name, value in query.items() if name not in QUERY}
    if rest:
        event["properties"] = rest
    return msgspec.json.encode(event)


def _number(text: str) -> float:
    try:
        return msgspec.json.decode(text.encode(), type=float)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("invalid_query") from None
