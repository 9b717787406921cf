"""Whether the operator is alive and ready: it is, as long as its loops turn. Asked from the thread of the probes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pulse_operator.scaler import Key, Scaler
from pulse_operator.work import Work

# The event loop hangs, or nobody takes up work that is due: both are mended only by a restart.
LOOP_SECONDS = 60.0
OVERDUE_SECONDS = 180.0
# One look at the lag takes seconds, whatever the brokers do.
SCALER_SECONDS = 120.0


class Beat:
    """The beat of the process, and of the loops that must not stop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beat = clock()
        self._work: Work[Key] | None = None
        self._scaler: Scaler | None = None
        self._knows = False

    def knows(self) -> None:
        """All pipelines have been listed."""
        self._knows = True

    def watch(self, work: Work[Key], scaler: Scaler) -> None:
        """From now on these have to turn too: this process holds the Lease."""
        self._beat = self._clock()
        self._work, self._scaler = work, scaler

    async def run(self) -> None:
        """Beats until cancelled."""
        while True:
            self._beat = self._clock()
            await asyncio.sleep(1.0)

    def alive(self) -> str | None:
        """What hangs, as a sentence; None if nothing does. A process that waits for the Lease has nothing to do."""
        if self._work is None or self._scaler is None:
            return None
        silent = self._clock() - self._beat
        if silent > LOOP_SECONDS:
            return f"The event loop has not turned for {silent:.0f} s."
        overdue = self._work.overdue()
        if overdue > OVERDUE_SECONDS:
            return f"A pipeline has been due for {overdue:.0f} s, and nobody looks at it."
        still = self._scaler.still()
        if still > SCALER_SECONDS:
            return f"The lag has not been looked at for {still:.0f} s."
        return None

    def ready(self) -> str | None:
        """Why it does no work, as a sentence; None if it does. A second replica waits, and is ready to."""
        if self._work is not None and not self._knows:
            return "The pipelines have not been listed yet."
        return self.alive()
