"""What the consumer says about itself: probes and metrics."""

from __future__ import annotations

import threading
import time
from collections import Counter

from pulse.adapters import metrics
from pulse_consumer.writer import Written

# The loop turns several times a second and a revoke may wait for a batch; silence beyond this is a loop that hangs.
ALIVE_WITHIN_SECONDS = 120.0


class Status:
    """Shared between the loop, the writer's thread and the health server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turned_at = time.monotonic()
        self._problem: str | None = "not yet a member of the group"

    def turned(self) -> None:
        """The loop went round."""
        self._turned_at = time.monotonic()

    def alive(self) -> str | None:
        """None while the loop turns."""
        silent = time.monotonic() - self._turned_at
        return None if silent < ALIVE_WITHIN_SECONDS else f"the loop has not turned for {silent:.0f} s"

    def ready(self) -> str | None:
        """None while records are read and written, else why not."""
        with self._lock:
            return self._problem

    def working(self) -> None:
        """All is well again."""
        with self._lock:
            self._problem = None

    def failing(self, problem: str) -> None:
        """Nothing is written until this is over."""
        with self._lock:
            self._problem = problem

    def committed(self, written: Written, seconds: float) -> None:
        """Counts a committed batch."""
        total = written.total()
        metrics.CONSUMER_RECORDS.labels("inserted").inc(total.inserted)
        metrics.CONSUMER_RECORDS.labels("duplicate").inc(total.duplicate)
        metrics.CONSUMER_RECORDS.labels("conflict").inc(total.conflict)
        metrics.CONSUMER_RECORDS.labels("dead").inc(total.dead)
        for code, count in Counter(letter.code for letter in written.dead).items():
            metrics.CONSUMER_DEAD_LETTERS.labels(code).inc(count)
        for code, count in Counter(letter.code for letter in written.refused_again()).items():
            metrics.CONSUMER_REDRIVES_REFUSED.labels(code).inc(count)
        metrics.CONSUMER_BATCH_ROWS.observe(total.read)
        metrics.CONSUMER_BATCHES.labels("copied" if written.copied else "merged").inc()
        metrics.CONSUMER_BATCH_SECONDS.observe(seconds)
        metrics.CONSUMER_LAST_COMMIT.set_to_current_time()
        self.working()
