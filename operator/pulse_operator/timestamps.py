"""Times as Kubernetes writes them (RFC 3339, UTC, whole seconds) and as numbers. Pure: no clock in here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def seconds_of(text: str) -> float:
    """Seconds since 1970 of a time that the API server wrote."""
    return datetime.fromisoformat(text).timestamp()


def text_of(seconds: float) -> str:
    """The inverse of `seconds_of`, cut to whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(raw: Mapping[str, Any], now: float) -> float:
    """Seconds since the object was made."""
    created = raw.get("metadata", {}).get("creationTimestamp")
    return max(0.0, now - seconds_of(created)) if created else 0.0
