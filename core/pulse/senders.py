"""Who may send to a collector: the form of write keys, of the names of their senders, and of origins. Pure.

The collector holds its settings to it, and the operator what it puts into them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# Scheme, host and port of a page, as browsers write them.
ORIGIN = r"^https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?$"

# One variable of a process takes no more than 128 KiB.
MOST_KEYS = 400
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_KEY = re.compile(r"[A-Za-z0-9_.~-]{8,200}")
_FORM = "A name has up to 40 of a-z, 0-9, _ and -; a key has 8 to 200 letters, digits, or . _ ~ -."


def is_origin(text: str) -> bool:
    """Whether a browser could write it so."""
    return re.fullmatch(ORIGIN, text) is not None


def mistake(entries: Sequence[tuple[str, str]]) -> tuple[int, str] | None:
    """Which of these senders, each with its key, cannot be used, and why; no key is told."""
    if len(entries) > MOST_KEYS:
        return MOST_KEYS, f"has others behind it: {len(entries)} keys, and {MOST_KEYS} are the most."
    owners: dict[str, str] = {}
    for number, (name, key) in enumerate(entries):
        if not _NAME.fullmatch(name) or not _KEY.fullmatch(key):
            return number, f"is not of the form name:key. {_FORM}"
        if key in owners:
            return number, f"has the key of {owners[key]}. Give each its own."
        owners[key] = name
    return None


def keys_text(keys: Mapping[str, str]) -> str:
    """Names and their keys as PULSE_COLLECTOR_KEYS takes them."""
    return ",".join(f"{name}:{key}" for name, key in sorted(keys.items()))
