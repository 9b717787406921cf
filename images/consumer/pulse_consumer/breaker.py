"""The circuit breaker: when most of what arrives is bad, the fault is the producer's and a person should look."""

from __future__ import annotations

from collections import deque

from pulse.errors import BreakerOpen


class Breaker:
    """Watches the share of bad records over about the last `window` records."""

    def __init__(self, ratio: float, window: int) -> None:
        self._ratio = ratio
        self._window = window
        self._seen: deque[tuple[int, int]] = deque()
        self._total = 0
        self._bad = 0

    def note(self, total: int, bad: int) -> None:
        """Counts a batch. BreakerOpen when the window is full and more than the ratio of it is bad."""
        self._seen.append((total, bad))
        self._total += total
        self._bad += bad
        while self._total - self._seen[0][0] >= self._window:
            old_total, old_bad = self._seen.popleft()
            self._total -= old_total
            self._bad -= old_bad
        if self._total >= self._window and self._bad > self._ratio * self._total:
            raise BreakerOpen(
                f"{self._bad} of the last {self._total} records are bad, more than the share of {self._ratio:g} that "
                "is allowed. Mend the producer (raw.dead_letters says what is wrong with its records), then start the "
                "consumer again; to let them all pass into the dead letters, raise PULSE_BREAKER_RATIO."
            )
