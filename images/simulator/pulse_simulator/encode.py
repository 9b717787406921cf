"""Visits as the bytes of the event contract, fast: whatever repeats is rendered once and joined as text.

Renders only. What the contract accepts is not known here; the tests hold the bytes against the real decoder.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pulse_simulator import catalogue
from pulse_simulator.model import DAY_MS, Moment

_CLOCK = [f"T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}." for second in range(86_400)]
_MILLIS = [f"{milli:03d}Z" for milli in range(1000)]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=512)
def date(day: int) -> str:
    """YYYY-MM-DD of a day counted from 1970."""
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def instant(milliseconds: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    day, rest = divmod(milliseconds, DAY_MS)
    second, milli = divmod(rest, 1000)
    return date(day) + _CLOCK[second] + _MILLIS[milli]


def uuid7(milliseconds: int, random_72_bits: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7). Ids of one millisecond sort as their random bits do."""
    lead = f"{milliseconds:012x}"
    tail = f"{random_72_bits:018x}"
    return f"{lead[:8]}-{lead[8:]}-7{tail[:3]}-8{tail[3:6]}-{tail[6:]}"


def user_id(user: int) -> str:
    """The name of a member of the population; names sort as the numbers do."""
    return f"user-{user:07d}"


def moment_json(moment: Moment) -> str:
    """The fields that say what happened, without the braces; custom events end with their properties."""
    document: dict[str, Any] = {"event_type": moment.event_type}
    if moment.page is not None:
        document["page"] = moment.page
    if moment.metadata:
        document["metadata"] = moment.metadata
    if moment.sent_step is not None:
        document["funnel_step_index"] = moment.sent_step
    if moment.complete:
        document["funnel_complete"] = True
    if moment.properties:
        document["properties"] = moment.properties
    return _json(document)[1:-1]


def visitor_json(user: int, visit_bits: int) -> str:
    """The fields that say who it was: some front ends send a session_id as a hint, most an anonymous_id."""
    fields = {"user_id": user_id(user)}
    if visit_bits & 3:
        fields["anonymous_id"] = f"anon-{user * 2_654_435_761 % 4_294_967_296:08x}"
    if visit_bits & 12:
        fields["session_id"] = f"s-{visit_bits:016x}"
    return _json(fields)[1:-1]


# What the first event of a visit that came from elsewhere adds.
ORIGINS = tuple(f',"properties":{_json({"context": origin})}' for origin in catalogue.ORIGINS)


def event(event_id: str, timestamp: str, who: str, what: str, received_at: str | None) -> bytes:
    """One event as it goes to Kafka, from parts that are rendered already."""
    tail = f',"received_at":"{received_at}"}}' if received_at else "}"
    return f'{{"event_id":"{event_id}","timestamp":"{timestamp}",{who},{what}{tail}'.encode()
