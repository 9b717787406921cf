"""Signals: the first SIGTERM or SIGINT asks the process to finish what it holds and leave."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def stop_requested() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets. A second one ends the process at once, as if never caught."""
    event = threading.Event()

    def note(number: int, _frame: FrameType | None) -> None:
        event.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return event
