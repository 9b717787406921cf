"""Answers that are given again for a moment: many people who look at one page ask Postgres once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_KEPT = 256


class Memo(Generic[T]):
    """Keeps each answer for so many seconds, and at least as long as it took. Whoever asks meanwhile waits for it.

    So one question keeps Postgres at work for half of the time at most. A failure is raised to whoever asked, and not
    kept.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, T]] = {}
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The kept answer, or a new one."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                found = self._kept.get(key)
            if found is not None and found[0] > self._clock():
                return found[1]
            began = self._clock()
            answer = make()
            with self._lock:
                self._forget()
                now = self._clock()
                self._kept[key] = (now + max(self._seconds, now - began), answer)
            return answer

    def _forget(self) -> None:
        """Drops what is past; if that is not enough, everything: keys come from what people type."""
        now = self._clock()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > now}
        if len(self._kept) >= MOST_KEPT:
            self._kept = {}
        self._making = {key: lock for key, lock in self._making.items() if lock.locked() or key in self._kept}
