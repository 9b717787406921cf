"""One row of a foreign file into one document of the event contract, or the reason why not.

Pure, and the same row always gives the same document: importing a file twice must add nothing.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from pulse import ids
from pulse_local.importing.mapping import BOOLEAN, INTEGER, NUMBER, TEXT, TIME, EventMapping, Source

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_SHOWN_CHARACTERS = 60
NOT_UTF8 = "holds bytes that are not UTF-8"
_encoder = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read, and where it stands in the file."""

    place: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot become an event: where it stands, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is sent: the key and the value of a Kafka record. `id_ms` is the time in the event's id, if it has one."""

    place: str
    key: bytes
    value: bytes
    id_ms: int | None


class _Unusable(Exception):
    """Why this row cannot become an event."""


def converted(row: Row, mapping: EventMapping) -> Record | BadRow:
    """The record of a row, with an id from its content unless the mapping names an id column."""
    try:
        document, moment_us = _document(row.values, mapping)
        if "event_id" not in document:
            document["event_id"] = ids.formatted(ids.derived(moment_us // 1000, _encoder.encode(row.values)))
        return Record(
            row.place,
            document["user_id"].encode(),
            _encoder.encode(document),
            ids.milliseconds(ids.parsed(document["event_id"])),
        )
    except _Unusable as why:
        return BadRow(row.place, str(why))
    except UnicodeEncodeError:
        return BadRow(row.place, NOT_UTF8)


def _document(values: Mapping[str, Any], mapping: EventMapping) -> tuple[dict[str, Any], int]:
    document: dict[str, Any] = {}
    moment_us = 0
    for source in mapping.sources:
        raw = source.constant if source.column is None else found(values, source.column)
        if raw is None or raw == "":
            if source.required:
                raise _Unusable(f"{source.name}: column {source.column!r} is empty or absent")
            continue
        value = _READERS[source.kind](raw, source)
        if source.kind == TIME:
            moment_us, value = value, _rfc3339(value)
            document["received_at"] = value
        outer, _, inner = source.name.rpartition(".")
        (document.setdefault(outer, {}) if outer else document)[inner] = value
    kept = {name: found(values, column) for name, column in mapping.properties.items()}
    properties = {name: value for name, value in kept.items() if value is not None and value != ""}
    if properties:
        document["properties"] = properties
    return document, moment_us


def found(values: Mapping[str, Any], column: str) -> Any:
    """The value of a column; a dotted name that is no column itself is a path into nested objects."""
    if column in values or "." not in column:
        return values.get(column)
    value: Any = values
    for step in column.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(raw: Any, source: Source) -> str:
    if isinstance(raw, dict | list):
        raise _unusable(source, raw, "no single value")
    text = str(raw).lower() if isinstance(raw, bool) else str(raw)
    return source.values.get(text, text)


def _number(raw: Any, source: Source) -> float:
    try:
        number = float(_text(raw, source))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _unusable(source, raw, "no number")
    return number


def _integer(raw: Any, source: Source) -> int:
    try:
        return int(_text(raw, source))
    except ValueError:
        raise _unusable(source, raw, "no whole number") from None


def _boolean(raw: Any, source: Source) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[_text(raw, source).lower()]
    except KeyError:
        raise _unusable(source, raw, "neither true nor false") from None


def _time(raw: Any, source: Source) -> int:
    """Microseconds since 1970."""
    text = _text(raw, source).strip()
    try:
        moment = _moment(text, source.time_format)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=source.zone)
        return (moment.astimezone(dt.UTC) - _EPOCH) // _MICROSECOND  # also refuses what UTC cannot write
    except (ValueError, OverflowError, InvalidOperation):
        raise _unusable(source, raw, f"no time of the format {source.time_format}") from None


def _moment(text: str, time_format: str) -> dt.datetime:
    """The time in the text; without a zone if it names none."""
    if time_format == "iso":
        return dt.datetime.fromisoformat(text)
    if "%" in time_format:
        return dt.datetime.strptime(text, time_format)  # noqa: DTZ007 - the caller adds the mapping's zone
    scale = 1_000_000 if time_format == "epoch_s" else 1000
    return _EPOCH + int(Decimal(text) * scale) * _MICROSECOND


_READERS: dict[str, Callable[[Any, Source], Any]] = {
    TEXT: _text,
    NUMBER: _number,
    INTEGER: _integer,
    BOOLEAN: _boolean,
    TIME: _time,
}


def _rfc3339(moment_us: int) -> str:
    moment = _EPOCH + moment_us * _MICROSECOND
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _unusable(source: Source, raw: Any, why: str) -> _Unusable:
    shown = repr(raw)
    shown = shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"
    return _Unusable(f"{source.name}: {shown} in column {source.column!r} is {why}")
