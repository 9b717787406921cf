"""Dead letters as a person reads them, and as JSON for programs. Pure."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pulse.events import REJECTION_CODES
from pulse_consumer.letters.letter import Coordinates, Group, Letter
from pulse_consumer.redrive import Origin

_REASON_CHARACTERS = 60


def moment(time: dt.datetime) -> str:
    """UTC, to the second."""
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines whose columns are aligned."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def overview(groups: Sequence[Group]) -> list[str]:
    """How many letters of each class there are, and how they stand."""
    if not groups:
        return ["No dead letter."]
    rows = [(one.code, one.state, f"{one.letters:,}", moment(one.first), moment(one.last)) for one in groups]
    total = sum(one.letters for one in groups)
    return [*table(("CLASS", "STATE", "LETTERS", "FIRST SEEN", "LAST SEEN"), rows), f"{total:,} in all."]


def listing(found: Sequence[Letter]) -> list[str]:
    """A line for each letter. The topic's id is part of its place where there are several topics."""
    several = len({letter.at.topic_id for letter in found}) > 1
    rows = [
        (
            str(letter.at) if several else letter.at.short,
            moment(letter.first_seen),
            letter.code,
            letter.field or "",
            str(letter.attempt),
            letter.state,
            _cut(letter.reason),
        )
        for letter in found
    ]
    return table(("WHERE", "FIRST SEEN", "CLASS", "FIELD", "ATTEMPT", "STATE", "REASON"), rows)


def summary_json(letter: Letter) -> dict[str, Any]:
    """What a letter is, without its bytes."""
    return {
        "topic": letter.topic,
        "topic_id": str(letter.topic_id),
        "partition": letter.at.partition,
        "offset": letter.at.offset,
        "kafka_timestamp_ms": None if letter.kafka_us is None else letter.kafka_us // 1000,
        "first_seen": letter.first_seen.isoformat(),
        "class": letter.code,
        "reason": letter.reason,
        "field": letter.field,
        "sqlstate": letter.sqlstate,
        "attempt": letter.attempt,
        "state": letter.state,
        "state_since": letter.state_since.isoformat(),
        "value_bytes": None if letter.value is None else len(letter.value),
        "first": _origin_json(letter.first),
    }


def whole_json(
    letter: Letter, history: Sequence[Mapping[str, Any]], kin: Sequence[tuple[Coordinates, int]]
) -> dict[str, Any]:
    """Everything that the ledger has of a letter. Bytes are text where they are UTF-8, and base64 beside it always."""
    return {
        **summary_json(letter),
        "key": _bytes_json(letter.key),
        "value": _bytes_json(letter.value),
        "headers": [{"name": name, "value": _bytes_json(value)} for name, value in letter.headers],
        "history": [_move_json(move) for move in history],
        "attempts": [{"place": str(at), "attempt": attempt} for at, attempt in kin],
    }


def whole(
    letter: Letter,
    history: Sequence[Mapping[str, Any]],
    kin: Sequence[tuple[Coordinates, int]],
    fates: Mapping[UUID, Sequence[tuple[str, Coordinates]]],
) -> list[str]:
    """The same as lines, with what became of the events that it was sent again as."""
    lines = [f"Dead letter {letter.at.short} of {letter.topic}, {letter.state} since {moment(letter.state_since)}"]
    lines += [f"  {name + ':':<12}{value}" for name, value in _facts(letter) if value]
    if letter.first is not None:
        lines.append(f"  first at:   {_place(letter.first)}")
    lines += ["", f"Value, {_size(letter.value)}:", *_indented(_readable(letter.value))]
    if letter.headers:
        lines += ["", "Headers:", *(f"  {name}: {_one_line(value)}" for name, value in letter.headers)]
    if len(kin) > 1:
        lines += ["", "Attempts:", *(f"  {attempt}  {at}" for at, attempt in kin)]
    if history:
        lines += ["", "History:"]
    for move in history:
        lines += _move_lines(move, fates)
    return lines


def _facts(letter: Letter) -> list[tuple[str, str]]:
    return [
        ("class", f"{letter.code}. {REJECTION_CODES.get(letter.code, '')}".strip()),
        ("reason", letter.reason),
        ("field", letter.field or ""),
        ("sqlstate", letter.sqlstate or ""),
        ("attempt", str(letter.attempt)),
        ("topic id", str(letter.topic_id)),
        ("arrived", _arrival(letter)),
        ("first seen", moment(letter.first_seen)),
        ("key", "" if letter.key is None else _one_line(letter.key)),
    ]


def _arrival(letter: Letter) -> str:
    if letter.kafka_us is None:
        return "unknown: the record has no time"
    clock = "the broker's clock" if letter.trusted else "the producer's clock"
    return f"{moment(dt.datetime.fromtimestamp(letter.kafka_us / 1e6, dt.UTC))} by {clock}"


def _place(origin: Origin) -> str:
    return str(Coordinates(UUID(bytes=origin.topic_id), origin.partition, origin.offset))


def _origin_json(origin: Origin | None) -> dict[str, Any] | None:
    if origin is None:
        return None
    return {
        "topic_id": str(UUID(bytes=origin.topic_id)),
        "partition": origin.partition,
        "offset": origin.offset,
        "kafka_timestamp_ms": None if origin.kafka_us is None else origin.kafka_us // 1000,
    }


def _move_lines(move: Mapping[str, Any], fates: Mapping[UUID, Sequence[tuple[str, Coordinates]]]) -> list[str]:
    told = f"  {moment(move['moved_at'])}  {move['action']} by {move['database_user']}: {move['command']}"
    lines = [told]
    if move["reason"]:
        lines.append(f"    reason: {move['reason']}")
    if move["patch"]:
        lines.append(f"    patch: {json.dumps(move['patch'], ensure_ascii=False)}")
    if move["action"] == "replayed" and move["event_id"]:
        places = ", ".join(f"{kind} at {at}" for kind, at in fates.get(move["event_id"], ()))
        lines.append(f"    event {move['event_id']}: {places or 'not stored, or not yet'}")
    return lines


def _move_json(move: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": move["moved_at"].isoformat(),
        "action": move["action"],
        "user": move["database_user"],
        "command": move["command"],
        "event_id": None if move["event_id"] is None else str(move["event_id"]),
        "patch": move["patch"],
        "reason": move["reason"],
    }


def _bytes_json(raw: bytes | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    try:
        text: str | None = raw.decode()
    except UnicodeDecodeError:
        text = None
    return {"text": text, "base64": base64.b64encode(raw).decode()}


def _readable(raw: bytes | None) -> str:
    """Indented JSON where the bytes are JSON, else text with what cannot be read escaped."""
    if raw is None:
        return "(none)"
    try:
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "backslashreplace")


def _one_line(raw: bytes | None) -> str:
    return "(none)" if raw is None else _printable(raw.decode("utf-8", "backslashreplace"))


def _printable(text: str) -> str:
    """Without the control characters that would steer the terminal."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in _printable(text).splitlines() or [""]]


def _size(raw: bytes | None) -> str:
    return "0 bytes" if raw is None else f"{len(raw):,} bytes"


def _cut(text: str) -> str:
    line = _printable(" ".join(text.split()))
    return line if len(line) <= _REASON_CHARACTERS else line[: _REASON_CHARACTERS - 1] + "…"
