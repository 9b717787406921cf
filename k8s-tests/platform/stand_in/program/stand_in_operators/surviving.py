"""One object that fails must not stop the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def survive(what: Callable[[], T]) -> T | None:
    """What it gave; nothing if it failed. What failed is said, and tried again at the next look."""
    try:
        return what()
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return None
