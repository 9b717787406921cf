"""Changing the value of a dead letter before it is sent again. Pure.

What a patch does not name keeps its bytes: a number that a double cannot hold goes on as it was written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Merge:
    """A JSON merge patch (RFC 7396): null removes a field, an object goes deeper, anything else replaces."""

    patch: dict[str, Any]

    @property
    def told(self) -> dict[str, Any]:
        """What the history of the letter keeps of it."""
        return {"merge": self.patch}

    def applied(self, value: bytes | None) -> bytes:
        """The changed value. ValueError if it is not a JSON object."""
        try:
            return _merged(value or b"", self.patch)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ValueError("its value is not a JSON object, so no field of it can be set; --edit can") from None


@dataclass(frozen=True, slots=True)
class Replace:
    """Another value in place of the whole one."""

    text: str

    @property
    def told(self) -> dict[str, Any]:
        """What the history of the letter keeps of it."""
        return {"replace": self.text.replace("\0", "\ufffd")}

    def applied(self, _value: bytes | None) -> bytes:
        """The new value."""
        return self.text.encode()


Change = Merge | Replace


def patch(text: str) -> dict[str, Any]:
    """The merge patch that a file holds; ValueError if it is none."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("a patch is a JSON object")  # noqa: TRY004 - a text that a person wrote, not a type
    if "\\u0000" in json.dumps(found):
        raise ValueError("a patch may not hold U+0000, which Postgres cannot store")
    return found


def assignment(word: str) -> dict[str, Any]:
    """`metadata.price=3` as a merge patch: the value is JSON where it reads as such, else a text. Else ValueError."""
    path, found, text = word.partition("=")
    if not found or not all(path.split(".")):
        raise ValueError(f"{word!r} sets nothing: write FIELD=VALUE, such as metadata.price=3")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    for name in reversed(path.split(".")):
        value = {name: value}
    return patch(json.dumps(value))


def combined(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """One merge patch that does what both do, one after the other."""
    both = dict(first)
    for name, value in then.items():
        before = both.get(name)
        both[name] = combined(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return both


def _merged(value: bytes, changes: dict[str, Any]) -> bytes:
    fields = _fields.decode(value)
    for name, new in changes.items():
        if new is None:
            fields.pop(name, None)
        elif isinstance(new, dict):
            old = bytes(fields.get(name, b"")).strip()
            fields[name] = msgspec.Raw(_merged(old if old[:1] == b"{" else b"{}", new))
        else:
            fields[name] = msgspec.Raw(msgspec.json.encode(new))
    return msgspec.json.encode(fields)
