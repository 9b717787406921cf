"""Waiting, with a limit, for what has to come about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from confluent_kafka import KafkaException

from pulse.errors import Retry

T = TypeVar("T")
AWAY = (psycopg.OperationalError, KafkaException, Retry)
PATIENCE_SECONDS = 150.0  # the machines that run this are shared and slow at times
POLL_SECONDS = 0.05


class Broken(Exception):
    """A promise was not kept, or something that a run needs did not come about."""


def answer(ask: Callable[[], T], otherwise: str, seconds: float = PATIENCE_SECONDS) -> T:
    """What `ask` gives, asked again while a server that has just come back cannot tell. Broken, with `otherwise`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except AWAY as failed:
            if time.monotonic() > deadline:
                raise Broken(f"{otherwise} within {seconds:.0f} s: {' '.join(str(failed).split())}") from failed
        time.sleep(POLL_SECONDS)


def wait_for(
    condition: Callable[[], bool],
    otherwise: str,
    seconds: float = PATIENCE_SECONDS,
    progress: Callable[[], object] = lambda: None,
) -> float:
    """Polls until it is so and returns how long that took. Broken, with `otherwise`, if it does not become so.

    What `progress` gives is not held up as long as it changes: a slow machine breaks no promise.
    """
    started = moved_at = time.monotonic()
    seen = answer(progress, otherwise, seconds)
    while not answer(condition, otherwise, seconds):
        now, found = time.monotonic(), answer(progress, otherwise, seconds)
        if found != seen:
            seen, moved_at = found, now
        if now - moved_at > seconds:
            raise Broken(f"{otherwise}: still so after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - started
