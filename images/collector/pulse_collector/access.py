"""Who may send: write keys, and the origins of the pages that may call from a browser. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pulse.errors import SettingsError
from pulse_collector.refusals import Refused

# The name of the senders where no keys are asked for.
ANYBODY = "anybody"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_KEY = re.compile(r"[A-Za-z0-9_.~-]{8,200}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Access:
    """Keys by their text, each with its name, and the exact origins of pages."""

    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    origins: frozenset[str] = frozenset()

    def name_of(self, key: str) -> str:
        """The name of the sender that this key belongs to; Refused if there is none, while keys are asked for."""
        if not self.names:
            return ANYBODY
        name = self.names.get(key)
        if name is None:
            raise Refused("unknown_key")
        return name

    def check_origin(self, origin: str | None) -> None:
        """Refused for a page that is not on the list. A request without an origin does not come from a page."""
        if origin is not None and origin not in self.origins:
            raise Refused("origin_not_allowed")


def access(keys: str, origins: str) -> Access:
    """From the settings' lists; SettingsError names what in them is wrong, and never a key."""
    return Access(_names(keys), frozenset(_checked_origin(one) for one in _parts(origins)))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _names(keys: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for number, part in enumerate(_parts(keys), start=1):
        name, _, key = part.partition(":")
        if not _NAME.fullmatch(name) or not _KEY.fullmatch(key):
            raise SettingsError(
                f"PULSE_COLLECTOR_KEYS: entry {number} is not of the form name:key. A name has up to 40 of a-z, 0-9, _ "
                "and -; a key has 8 to 200 letters, digits, or . _ ~ -."
            )
        if key in names:
            raise SettingsError(f"PULSE_COLLECTOR_KEYS: entry {number} has the key of {names[key]}. Give each its own.")
        names[key] = name
    return names


def _checked_origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise SettingsError(
            f"PULSE_COLLECTOR_ORIGINS: {origin!r} is no origin. Write scheme, host and port as browsers do, in lower "
            "case and without a path: https://shop.example or http://localhost:8080."
        )
    return origin
