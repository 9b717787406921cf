"""One request and what its answer means, and how long to wait before the next. It tries nothing again by itself."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pulse_client.errors import CollectorUnavailable, EventsRefused

AGENT = "pulse-python/0.1.0"
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 360.0
_AGAIN = frozenset({408, 429})


class Later(CollectorUnavailable):
    """Not now. `retry_seconds` is the least that the collector asks for."""

    def __init__(self, reason: str, retry_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_seconds = retry_seconds


def wait_seconds(tries: int, unit: float) -> float:
    """Before try number `tries` + 1: doubling, and between the half of it and the whole."""
    return float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(tries, 20)) * (0.5 + unit / 2))


class Transport:
    """A connection to one collector, opened again when it is gone. For one thread at a time."""

    def __init__(self, endpoint: str, key: str, timeout_seconds: float) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{endpoint!r} is no address of a collector: write https://host or http://host:port")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_seconds)
        self._path = f"{parts.path.rstrip('/')}/v1/events"
        self._headers = {"Content-Type": "application/json", "User-Agent": AGENT}
        if key:
            self._headers["X-Pulse-Key"] = key

    def post(self, events: Sequence[dict[str, Any]]) -> None:
        """Returns once the collector has all of them. Later, or EventsRefused."""
        body = json.dumps({"sent_at": datetime.now(UTC).isoformat(), "batch": list(events)}).encode()
        try:
            self._connection.request("POST", self._path, body, self._headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as failed:
            self._connection.close()
            raise Later(f"no answer: {failed or type(failed).__name__}") from failed
        if answer.status >= 500 or answer.status in _AGAIN:
            raise Later(f"it answered {answer.status}", _seconds(answer.headers.get("Retry-After")))
        told = _object(said)
        if answer.status != 202:
            raise EventsRefused(answer.status, str(told.get("reason", "no reason given")))
        if told.get("rejected"):
            raise EventsRefused(202, f"{len(told['rejected'])} of {len(events)} events were rejected", told["rejected"])

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


def _seconds(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _object(said: bytes) -> dict[str, Any]:
    try:
        told = json.loads(said)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
