"""Not faster than so many a second."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Spaces steps evenly: never more than `rate` of them begin within one second; None holds nothing up."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    def step(self) -> None:
        """Returns when the next step may begin. Time that passed unused is not made up for."""
        if not self._gap:
            return
        now = self._clock()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(self._next, now) + self._gap
