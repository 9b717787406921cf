"""The queue of pipelines to look at: each at most once at a time, again when something happened meanwhile, and later
when it failed. It knows nothing of what is done with them."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable, Hashable, Iterator
from typing import Generic, TypeVar

from pulse.backoff import delays

K = TypeVar("K", bound=Hashable)

FIRST_SECONDS, MOST_SECONDS = 1.0, 60.0


class Work(Generic[K]):
    """Keys and when each is due. All methods belong to one event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._running: set[K] = set()
        self._waits: dict[K, Iterator[float]] = {}
        self._changed = asyncio.Event()

    def add(self, key: K, after: float = 0.0) -> None:
        """Has the key looked at in so many seconds, or sooner if that was asked for already."""
        at = self._clock() + after
        if key in self._due and self._due[key] <= at:
            return
        self._due[key] = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, key))
        self._changed.set()

    def drop(self, key: K) -> None:
        """Forgets a key that is no more."""
        self._due.pop(key, None)
        self._waits.pop(key, None)

    def overdue(self) -> float:
        """Seconds for which the longest waiting key that nobody works on has been due."""
        waiting = [at for key, at in self._due.items() if key not in self._running]
        return max(0.0, self._clock() - min(waiting)) if waiting else 0.0

    async def run(
        self, handler: Callable[[K], Awaitable[float | None]], failed: Callable[[K, Exception, float], None]
    ) -> None:
        """Works until cancelled. A handler returns the seconds after which the key is due again at the latest, or None;
        what it raises is told to `failed`, with the seconds until the next try."""
        while True:
            key = await self._next()
            self._running.add(key)
            try:
                again = await handler(key)
                self._waits.pop(key, None)
            except Exception as error:  # noqa: BLE001 - one pipeline's trouble never stops the others
                waits = self._waits.setdefault(key, delays(random.random, FIRST_SECONDS, MOST_SECONDS))
                again = next(waits)
                failed(key, error, again)
            finally:
                self._running.discard(key)
                self._changed.set()
            if again is not None:
                self.add(key, again)

    async def _next(self) -> K:
        """The next key that is due and not being worked on; it waits for one."""
        while True:
            key, wait = self._take()
            if key is not None:
                return key
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def _take(self) -> tuple[K | None, float | None]:
        """A key that is due, or how long until there may be one."""
        held = []
        found, wait = None, None
        while self._heap:
            at, _, key = self._heap[0]
            if self._due.get(key) != at:
                heapq.heappop(self._heap)  # an entry that a sooner one replaced
                continue
            if at > self._clock():
                wait = at - self._clock()
                break
            entry = heapq.heappop(self._heap)
            if key in self._running:
                held.append(entry)
                continue
            del self._due[key]
            found = key
            break
        for entry in held:
            heapq.heappush(self._heap, entry)
        return found, wait
