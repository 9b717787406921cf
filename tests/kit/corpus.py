"""The one corpus of good and bad documents that everything which reads or writes the event contract is held to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "core" / "tests" / "corpus"
ARRIVAL_US = 1_767_323_046_000_000  # one second after the time that most documents carry

_SMALLEST = {"event_type": "page_view", "user_id": "u", "timestamp": "2026-01-02T03:04:05Z"}


@dataclass(frozen=True)
class Case:
    """One document: its bytes (None is a tombstone) and what is expected of it."""

    name: str
    value: bytes | None
    line: dict[str, Any]


def good() -> list[Case]:
    """Documents that become events."""
    return _read("good.jsonl")


def bad() -> list[Case]:
    """Documents that are refused, with the code and the field that name why."""
    return _read("bad.jsonl")


def _read(name: str) -> list[Case]:
    lines = [json.loads(line) for line in (FOLDER / name).read_text().splitlines() if line]
    return [Case(line["name"], _value(line), line) for line in lines]


def _value(line: dict[str, Any]) -> bytes | None:
    if line.get("tombstone"):
        return None
    if "hex" in line:
        return bytes.fromhex(line["hex"])
    if "text" in line:
        return str(line["text"]).encode("utf-8", "surrogatepass")
    if "text_repeat" in line:
        left, count, right = line["text_repeat"]
        return (left * count + right * count).encode()
    if "nested" in line:
        # the object of properties is the first level
        inner = "[" * (line["nested"] - 1) + "]" * (line["nested"] - 1)
        return json.dumps(_SMALLEST)[:-1].encode() + b', "properties": {"a": ' + inner.encode() + b"}}"
    if "user_of" in line:
        return json.dumps({**_SMALLEST, "user_id": "\u00e9" * line["user_of"]}).encode()
    return json.dumps(line["document"]).encode()
