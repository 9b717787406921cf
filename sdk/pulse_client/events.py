"""Events as the collector takes them, made once, with an id that they keep."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def uuid7() -> str:
    """A UUID of version 7: the time in front, so that ids sort and partition by it."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return str(uuid.UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def event(
    event_type: str,
    user_id: str,
    *,
    timestamp: datetime | None = None,
    event_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """An event that happened now, or at `timestamp`; further fields of the contract by their names.

    Where the payment has an id of its own, derive `event_id` from it (`uuid.uuid5`): then a process that has forgotten
    whether it sent the event can make it anew.
    """
    moment = timestamp or datetime.now(UTC)
    made: dict[str, Any] = {
        "event_type": event_type,
        "user_id": user_id,
        "timestamp": (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(),
        "event_id": event_id or uuid7(),
        **fields,
    }
    if metadata:
        made["metadata"] = dict(metadata)
    if properties:
        made["properties"] = dict(properties)
    return made
