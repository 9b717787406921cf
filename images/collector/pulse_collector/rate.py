"""How much each sender may send: buckets that fill with time. Pure: the time is passed in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

BURST_SECONDS = 2.0
MOST_SENDERS = 10_000  # remembered; a flood of invented ones must not fill the memory


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """A bucket for each sender: `per_second` flow in, those of BURST_SECONDS fit. A rate of 0 limits nothing."""

    def __init__(self, per_second: float, most_senders: int = MOST_SENDERS) -> None:
        self._rate = per_second
        self._size = max(1.0, per_second * BURST_SECONDS)
        self._most = most_senders
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_seconds(self, sender: str, now: float) -> float:
        """0 where the sender may send now, else the seconds until it may."""
        if not self._rate:
            return 0.0
        tokens = self._filled(sender, now).tokens
        return 0.0 if tokens >= 1 else (1 - tokens) / self._rate

    def take(self, sender: str, count: int, now: float) -> None:
        """Takes so many, into debt if need be, of at most one bucket: what was sent is known only after it was read."""
        if self._rate:
            bucket = self._filled(sender, now)
            bucket.tokens = max(bucket.tokens - count, -self._size)

    def granted(self, sender: str, wanted: int, now: float) -> int:
        """How many of those wanted there are, which are taken."""
        if not self._rate:
            return wanted
        bucket = self._filled(sender, now)
        given = min(wanted, max(0, int(bucket.tokens)))
        bucket.tokens -= given
        return given

    def _filled(self, sender: str, now: float) -> _Bucket:
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = _Bucket(self._size, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(sender)
            bucket.tokens = min(self._size, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
            bucket.at = now
        return bucket
