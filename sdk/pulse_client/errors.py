"""What can go wrong, by what the caller does next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class PulseClientError(Exception):
    """The root."""


class CollectorUnavailable(PulseClientError):
    """The events may be stored or not: send the very same ones again."""


class EventsRefused(PulseClientError):
    """The collector will never take them so. `status` is that of the request, `rejected` names single events."""

    def __init__(self, status: int, reason: str, rejected: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(f"the collector answered {status}: {reason}")
        self.status = status
        self.rejected = list(rejected)


class QueueFull(PulseClientError):
    """So many events wait that this one was not taken."""
