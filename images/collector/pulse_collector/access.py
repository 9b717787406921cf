"""Who may send: write keys, and the origins of the pages that may call from a browser. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulse import senders
from pulse.errors import SettingsError
from pulse_collector.refusals import Refused

# The name of the senders where no keys are asked for.
ANYBODY = "anybody"


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
    entries = [(name, key) for name, _, key in (part.partition(":") for part in _parts(keys))]
    wrong = senders.mistake(entries)
    if wrong:
        raise SettingsError(f"PULSE_COLLECTOR_KEYS: entry {wrong[0] + 1} {wrong[1]}")
    return {key: name for name, key in entries}


def _checked_origin(origin: str) -> str:
    if not senders.is_origin(origin):
        raise SettingsError(
            f"PULSE_COLLECTOR_ORIGINS: {origin!r} is no origin. Write scheme, host and port as browsers do, in lower "
            "case and without a path: https://shop.example or http://localhost:8080."
        )
    return origin
