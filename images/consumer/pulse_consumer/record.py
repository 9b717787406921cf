"""A record of the events topic, as the rest of the consumer sees it: no client library behind it."""

from __future__ import annotations

from typing import NamedTuple

Headers = list[tuple[str, bytes | None]]

REJECTED_HEADER = "pulse.reject.code"


class Record(NamedTuple):
    """One record. `kafka_us` is None when the broker has no time for it; `trusted` says it is the broker's clock."""

    partition: int
    offset: int
    kafka_us: int | None
    trusted: bool
    key: bytes | None
    value: bytes | None
    headers: Headers | None

    def header(self, name: str) -> bytes | None:
        """The value of the first header of this name; None if there is none."""
        return next((value for key, value in self.headers or () if key == name), None)
