"""How long tests wait for what, in one table, and what is shown when it does not come. Nothing here sleeps blindly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PERIOD_SECONDS = 0.1

T = TypeVar("T")

# Patience costs nothing where things go well; these only end what does not, on a machine that others use too.
SECONDS = {
    "child": 60.0,  # an object is made, changed or removed
    "condition": 60.0,  # a condition follows what it speaks of
    "ready": 120.0,  # from apply to Ready, with pods and a migration
    "retry": 90.0,  # what is asked for again only now and then: kinds not served, rights not granted
    "scaling": 75.0,  # the autoscaler's quiet after pods came, and its averages
    "event": 30.0,
}

# Long enough for whoever acts on a change to have acted, where a test shows that nobody does.
CALM_SECONDS = 3.0


def until(patience: str, what: str, look: Callable[[], T | None], dump: Callable[[], str]) -> T:
    """What `look` found, as soon as it is something; in the end an AssertionError with all that `dump` has to show."""
    return eventually(f"({patience}) in vain until {what}", look, dump, SECONDS[patience])


def eventually(
    why: str,
    look: Callable[[], T | None],
    dump: Callable[[], str],
    seconds: float,
    period_seconds: float = PERIOD_SECONDS,
    not_yet: tuple[type[Exception], ...] = (),
) -> T:
    """The same for waits with a table of their own. What `look` raises of `not_yet` counts as nothing found."""
    deadline = time.monotonic() + seconds
    failed: Exception | None = None
    while True:
        try:
            found = look()
        except not_yet as error:
            found, failed = None, error
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds:.0f} s {why}.\n{failed or ''}\n{dump()}")
        time.sleep(period_seconds)


def stays(what: str, holds: Callable[[], bool], dump: Callable[[], str], seconds: float = CALM_SECONDS) -> None:
    """Fails as soon as it does not hold any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert holds(), f"It did not stay so that {what}.\n{dump()}"
        time.sleep(PERIOD_SECONDS)
