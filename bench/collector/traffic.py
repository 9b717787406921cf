"""The requests that the load is made of: made beforehand, as making them costs more than sending them. Pure."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

BODIES = 200  # different ones; ids differ within all of them
GOOD, JUNK = "bench-good-key", "bench-junk-key"
KEYS = f"good:{GOOD},junk:{JUNK}"


def good(batch: int) -> list[bytes]:
    """Events of a page, one or a batch in each request."""
    return [_of([_event(number * batch + place) for place in range(batch)]) for number in range(BODIES)]


def junk() -> list[bytes]:
    """What becomes no event: broken, packed a thousandfold, too much, of a wrong type, not of the contract."""
    return [
        _request(b'{"event_type": "page_view"', JUNK),
        _request(gzip.compress(b" " * 50_000_000), JUNK, b"Content-Encoding: gzip\r\n"),
        _request(b'{"batch": [' + b",".join([b"{}"] * 501) + b"]}", JUNK),
        _request(b'{"batch": [' + b",".join([b'{"a": 1}'] * 500) + b"]}", JUNK),
        _request(b'{"a": "\xff"}}', JUNK),
        _request(b" " * 900_000, JUNK),
        _request(b"<event/>", JUNK, kind=b"application/xml"),
    ]


def _event(number: int) -> dict[str, object]:
    return {
        "event_type": "product_view",
        "anonymous_id": f"018f4e3a-7c1b-7abc-8def-{number % 500:012x}",
        "timestamp": datetime.now(UTC).isoformat(),
        "event_id": f"018f4e3a-7c1b-7abc-8def-{number:012x}",
        "session_id": f"018f4e3a-7c1b-7abc-8def-{number % 500:012x}",
        "page": f"/product/{number % 100}",
        "metadata": {"product_id": str(number % 100), "category": "tea", "price": number % 1000 / 100},
        "funnel_step_index": 1,
        "properties": {"context": {"title": "A product", "referrer": "https://search.example/", "language": "en"}},
    }


def _of(events: list[dict[str, object]]) -> bytes:
    sent_at = datetime.now(UTC).isoformat()
    return _request(json.dumps({"sent_at": sent_at, "batch": events} if len(events) > 1 else events[0]).encode(), GOOD)


def _request(body: bytes, key: str, more: bytes = b"", kind: bytes = b"application/json") -> bytes:
    return (
        b"POST /v1/events HTTP/1.1\r\nHost: bench\r\nContent-Type: %b\r\nUser-Agent: pulse-bench/1\r\n"
        b"X-Pulse-Key: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (kind, key.encode(), more, len(body), body)
    )
