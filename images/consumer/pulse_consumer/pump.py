"""Writes one batch at a time on a thread of its own, again and again until it is stored or somebody else owns it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog

from pulse.adapters import metrics
from pulse.backoff import delays
from pulse.errors import Fenced, Retry, Stop
from pulse_consumer.batch import Batch
from pulse_consumer.offsets import Position
from pulse_consumer.status import Status
from pulse_consumer.writer import Writer, Written

Result = tuple[Written, float]

# How long the attempt that is under way may still take when the session ends, before it is broken off.
LAST_ATTEMPT_SECONDS = 3.0


class Pump:
    """At most one batch in flight. `collect` gives its result; an error that no retry cures is raised there.

    `break_off` has the attempt that is under way fail soon; it is called from another thread than the attempt's.
    """

    def __init__(
        self, writer: Writer, status: Status, log: structlog.stdlib.BoundLogger, break_off: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._break_off = break_off
        self._status = status
        self._log = log
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self._leaving = threading.Event()
        self._in_flight: Future[Result | None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is in flight, or done and not collected."""
        return self._in_flight is not None

    def submit(self, batch: Batch) -> None:
        """Hands a batch over. Only when not busy."""
        self._in_flight = self._pool.submit(self._write, batch)

    def confirm(self, held: Mapping[int, Position]) -> None:
        """Looks, in the background, whether the partitions are still ours; `collect` raises Fenced if not."""
        self._in_flight = self._pool.submit(self._confirm, held)

    def wait(self, seconds: float) -> bool:
        """Waits at most so long; whether nothing is being written now."""
        if self._in_flight is not None:
            wait([self._in_flight], timeout=max(0.0, seconds))
        return self._in_flight is None or self._in_flight.done()

    def collect(self) -> Result | None:
        """What was written and how long it took, once; None while there is nothing to tell."""
        if self._in_flight is None or not self._in_flight.done():
            return None
        finished, self._in_flight = self._in_flight, None
        return finished.result()

    def close(self) -> None:
        """Gives up what is not stored after the attempt that is under way, which is broken off if it takes long."""
        self._leaving.set()
        while not self.wait(LAST_ATTEMPT_SECONDS):
            self._break_off()  # again and again: between two statements there may be nothing to break off
        self._pool.shutdown(wait=True)
        self._writer.close()

    def _confirm(self, held: Mapping[int, Position]) -> None:
        try:
            self._writer.confirm(held)
        except Fenced:
            raise
        except (Retry, Stop) as failed:
            self._status.failing(str(failed))
        else:
            self._status.working()

    def _write(self, batch: Batch) -> Result:
        started = time.monotonic()
        for delay in delays(random.random):
            try:
                return self._writer.write(batch), time.monotonic() - started
            except Fenced:
                raise
            except (Retry, Stop) as failed:
                verdict = failed.verdict.value
                metrics.CONSUMER_WRITE_FAILURES.labels(verdict).inc()
                self._status.failing(str(failed))
                self._log.warning(
                    "batch_write_failed", problem=str(failed), verdict=verdict, retry_in_seconds=round(delay, 2)
                )
                if self._leaving.wait(delay):
                    raise
        raise AssertionError("delays are endless")
