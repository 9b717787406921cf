"""Waiting, with a limit, for what has to come about."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

PATIENCE_SECONDS = 150.0  # the machines that run this are shared and slow at times
POLL_SECONDS = 0.05


class Broken(Exception):
    """A promise was not kept, or something that a run needs did not come about."""


def wait_for(condition: Callable[[], bool], otherwise: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Polls until it is so and returns how long that took. Broken, with `otherwise`, if it does not become so.

    While the database cannot be asked, it is not so.
    """
    started = time.monotonic()
    while True:
        try:
            if condition():
                return time.monotonic() - started
        except psycopg.OperationalError as failed:
            problem = f" ({' '.join(str(failed).split())})"
        else:
            problem = ""
        if time.monotonic() - started > seconds:
            raise Broken(f"{otherwise}: still so after {seconds:.0f} s{problem}")
        time.sleep(POLL_SECONDS)
