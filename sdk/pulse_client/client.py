"""The client: `send` for what must not be lost, `track` for what must not wait."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from pulse_client.errors import CollectorUnavailable, EventsRefused, QueueFull
from pulse_client.transport import Later, Transport, wait_seconds

BATCH_EVENTS = 100
LINGER_SECONDS = 1.0
QUEUE_EVENTS = 10_000
TIMEOUT_SECONDS = 15.0
PATIENCE_SECONDS = 30.0

Event = dict[str, Any]
# Hears of events that `track` had to give up, as the collector will never take them.
OnRefused = Callable[[Sequence[Event], EventsRefused], None]


class Client:
    """For any number of threads. `track` uses a thread of the client's own, which starts with the first event."""

    def __init__(
        self,
        endpoint: str,
        key: str = "",
        *,
        queue_events: int = QUEUE_EVENTS,
        timeout_seconds: float = TIMEOUT_SECONDS,
        on_refused: OnRefused | None = None,
    ) -> None:
        self._endpoint, self._key, self._timeout = endpoint, key, timeout_seconds
        Transport(endpoint, key, timeout_seconds)  # a wrong address is told now
        self._most, self._on_refused = queue_events, on_refused
        self._queue: deque[Event] = deque()
        self._changed = threading.Condition()
        self._hurry = self._closed = False
        self._thread: threading.Thread | None = None
        self.refused = 0

    def send(self, *events: Event, within_seconds: float = PATIENCE_SECONDS) -> None:
        """Returns once the collector has stored them all.

        CollectorUnavailable after `within_seconds` of trying: send the very same events again. EventsRefused if it will
        never take them, or some of them; the others are stored.
        """
        transport = Transport(self._endpoint, self._key, self._timeout)
        try:
            _until_stored(transport, events, time.monotonic() + within_seconds)
        finally:
            transport.close()

    def track(self, event: Event) -> None:
        """Takes the event, which is sent soon, and again until it is stored. QueueFull if too many wait."""
        with self._changed:
            if self._closed:
                raise QueueFull("the client is closed")
            if len(self._queue) >= self._most:
                raise QueueFull(f"{self._most} events wait already")
            self._queue.append(event)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pulse-client", daemon=True)
                self._thread.start()
            if len(self._queue) >= BATCH_EVENTS:
                self._changed.notify_all()

    def flush(self, within_seconds: float = PATIENCE_SECONDS) -> None:
        """Returns once all tracked events are stored or refused; CollectorUnavailable if that takes longer."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._queue, within_seconds)
            self._hurry = False
            if not done:
                raise CollectorUnavailable(f"{len(self._queue)} events still wait after {within_seconds:.0f} s")

    def close(self, within_seconds: float = PATIENCE_SECONDS) -> None:
        """Flushes and ends; whatever happens, no event is taken any more."""
        try:
            self.flush(within_seconds)
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.close()

    def _run(self) -> None:
        transport, tries = Transport(self._endpoint, self._key, self._timeout), 0
        while batch := self._next_batch():
            try:
                transport.post(batch)
            except Later as later:
                wait = max(later.retry_seconds, wait_seconds(tries, random.random()))  # noqa: S311 - jitter, no secret
                tries += 1
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, wait)
                continue
            except EventsRefused as why:
                self._refuse(batch, why)
            tries = 0
            with self._changed:
                for _ in batch:
                    self._queue.popleft()
                self._changed.notify_all()
        transport.close()

    def _next_batch(self) -> list[Event]:
        """The events at the front, once there are enough or the first has waited; none when the client is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._queue)
            self._changed.wait_for(
                lambda: self._closed or self._hurry or len(self._queue) >= BATCH_EVENTS, LINGER_SECONDS
            )
            return [] if self._closed else [self._queue[place] for place in range(min(BATCH_EVENTS, len(self._queue)))]

    def _refuse(self, batch: Sequence[Event], why: EventsRefused) -> None:
        lost = [batch[one["i"]] for one in why.rejected] if why.rejected else list(batch)
        self.refused += len(lost)
        if self._on_refused is not None:
            try:
                self._on_refused(lost, why)
            except Exception:  # noqa: BLE001 - somebody else's code must not end the sending
                traceback.print_exc()


def _until_stored(transport: Transport, events: Sequence[Event], deadline: float) -> None:
    for first in range(0, len(events), BATCH_EVENTS):
        tries = 0
        while True:
            try:
                transport.post(events[first : first + BATCH_EVENTS])
                break
            except Later as later:
                wait = max(later.retry_seconds, wait_seconds(tries, random.random()))  # noqa: S311 - jitter, no secret
                if time.monotonic() + wait > deadline:
                    raise CollectorUnavailable(f"not stored in time: {later}") from later
                tries += 1
                time.sleep(wait)
