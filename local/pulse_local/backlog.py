"""Waiting for the consumer to store what is in the log: to the end with a bar, or for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

from pulse.errors import Stop
from pulse_local import processes
from pulse_local.figures import Progress as Standing
from pulse_local.meter import bar

STALL_SECONDS = 60.0
_LOOK_SECONDS = 0.2

Look = Callable[[], Standing]


def wait_stored(look: Look) -> None:
    """Returns when the lag is 0; Stop when nothing moves any more."""
    if not look().lag:
        return
    with bar("stored") as progress:
        task = progress.add_task("storing", total=None)
        last, moved_at = -1, time.monotonic()
        while (standing := look()).lag:
            stored = standing.written - standing.lag
            progress.update(task, total=standing.written, completed=stored)
            if stored != last:
                last, moved_at = stored, time.monotonic()
            elif time.monotonic() - moved_at > STALL_SECONDS:
                raise Stop(
                    f"The consumer stored nothing for {STALL_SECONDS:.0f} s, lag {standing.lag:,}: "
                    "`pulse logs consumer` shows why."
                )
            time.sleep(_LOOK_SECONDS)
        progress.update(task, total=standing.written, completed=standing.written)


def left_after(look: Look, seconds: float) -> int:
    """The lag once it is 0, or what is left of it after so long."""
    processes.wait_until(lambda: look().lag == 0, seconds, _LOOK_SECONDS)
    return look().lag
