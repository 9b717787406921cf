"""The mapping file: which column of a foreign file becomes which field of the event contract.

Pure: YAML text in, a checked Mapping out. Every complaint names the key that is wrong.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from pulse.errors import SettingsError
from pulse_local.importing import strict_yaml

TEXT, NUMBER, INTEGER, BOOLEAN, TIME = "text", "number", "integer", "boolean", "time"

# The fields of the contract that a mapping may fill, each with what it holds. received_at is not among them: an import
# sets it to the event's own time, because history is not late.
FIELDS = {
    "event_type": TEXT,
    "user_id": TEXT,
    "timestamp": TIME,
    "event_id": TEXT,
    "page": TEXT,
    "metadata.product_id": TEXT,
    "metadata.category": TEXT,
    "metadata.price": NUMBER,
    "metadata.search_query": TEXT,
    "funnel_step_index": INTEGER,
    "funnel_complete": BOOLEAN,
    "session_id": TEXT,
    "anonymous_id": TEXT,
}
REQUIRED = ("event_type", "user_id", "timestamp")
TIME_FORMATS = ("iso", "epoch_s", "epoch_ms")

TOP_KEYS = ("format", "delimiter", "each", "event", "properties")
SOURCE_KEYS = ("column", "constant", "values", "format", "zone")


@dataclass(frozen=True, slots=True)
class Source:
    """Where one field comes from: a column, or the same constant for every row."""

    name: str
    kind: str
    column: str | None = None
    constant: Any = None
    values: Mapping[str, str] = field(default_factory=dict)
    time_format: str = "iso"
    zone: dt.tzinfo = dt.UTC

    @property
    def required(self) -> bool:
        return self.name in REQUIRED


@dataclass(frozen=True, slots=True)
class EventMapping:
    """A whole mapping: how the file is read, and where each field and property comes from."""

    sources: tuple[Source, ...]
    properties: Mapping[str, str]
    file_format: str | None = None
    delimiter: str = ","
    each: str | None = None

    def columns(self) -> dict[str, str]:
        """Every column that the mapping names, with the key that names it."""
        named = {source.column: f"event.{source.name}" for source in self.sources if source.column}
        return {**{column: f"properties.{name}" for name, column in self.properties.items()}, **named}


def parsed_mapping(text: str, name: str) -> EventMapping:
    """The mapping in the YAML `text` of the file called `name`; SettingsError names the key that is wrong."""
    try:
        return _mapping(strict_yaml.loaded(text))
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{name}{place} is not YAML: {getattr(wrong, 'problem', None) or wrong}.") from None
    except strict_yaml.WrittenTwice as twice:
        raise SettingsError(f"{name} line {twice.line}: {twice.key} is written twice: keep one of them.") from None
    except _WrongKey as wrong:
        raise SettingsError(f"{name}: {wrong}") from None


class _WrongKey(Exception):
    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)


def _mapping(raw: Any) -> EventMapping:
    if not isinstance(raw, dict):
        raise _WrongKey("", "the mapping has to be a block of `name: value` lines.")
    top = _object(raw, "", TOP_KEYS)
    file_format = _text_or_none(top, "format", "format")
    if file_format not in (None, "csv", "jsonl"):
        raise _WrongKey("format", f"{file_format!r} is neither csv nor jsonl.")
    each = _text_or_none(top, "each", "each")
    if each and file_format == "csv":
        raise _WrongKey("each", "only rows of JSON hold lists; remove it, or set format to jsonl.")
    delimiter = _text_or_none(top, "delimiter", "delimiter") or ","
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise _WrongKey("delimiter", f'{delimiter!r} is not one character, such as ";" or "\\t" for a tab.')
    if "event" not in top:
        raise _WrongKey("event", "is missing; it says where event_type, user_id and timestamp come from.")
    fields = _flat(_object(top["event"], "event"))
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise _WrongKey(f"event.{missing[0]}", "is missing; every event needs it.")
    sources = tuple(_source(name, value) for name, value in fields.items())
    return EventMapping(sources, _properties(top.get("properties")), file_format, delimiter, each)


def _flat(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with their whole path; `metadata` may be written as a block, as in the contract."""
    flat: dict[str, Any] = {}
    for name, value in event.items():
        if name == "metadata":
            inner = _object(value, "event.metadata")
            flat.update({f"metadata.{key}": below for key, below in inner.items()})
        else:
            flat[name] = value
    for name in flat:
        if name not in FIELDS:
            raise _WrongKey(f"event.{name}", f"is not a field that an import can fill{_near(name, FIELDS)}")
    return flat


def _source(name: str, raw: Any) -> Source:
    key, kind = f"event.{name}", FIELDS[name]
    if isinstance(raw, str):
        raw = {"column": raw}
    source = _object(raw, key, SOURCE_KEYS)
    if ("column" in source) == ("constant" in source):
        raise _WrongKey(key, "needs either `column` or `constant`.")
    if kind != TIME and ("format" in source or "zone" in source):
        raise _WrongKey(key, "`format` and `zone` belong to the timestamp only.")
    if kind == TIME and "constant" in source:
        raise _WrongKey(f"{key}.constant", "a time has to come from a column.")
    constant = source.get("constant")
    if "constant" in source and not isinstance(constant, str | int | float | bool):
        raise _WrongKey(f"{key}.constant", "has to be one text, number, true or false.")
    return Source(
        name,
        kind,
        _text_or_none(source, "column", f"{key}.column"),
        constant,
        _values(source.get("values"), f"{key}.values"),
        _time_format(source, f"{key}.format"),
        _zone(source, f"{key}.zone"),
    )


def _time_format(source: Mapping[str, Any], key: str) -> str:
    name = _text_or_none(source, "format", key) or "iso"
    if name not in TIME_FORMATS and not _names_a_day(name):
        raise _WrongKey(
            key, f"{name!r} is neither one of {', '.join(TIME_FORMATS)} nor a pattern such as %d/%m/%Y %H:%M."
        )
    return name


def _names_a_day(pattern: str) -> bool:
    """Whether strptime understands the pattern, and finds the whole date in what it writes."""
    probe = dt.datetime(2021, 11, 23, 4, 5, 6, tzinfo=dt.UTC)
    try:
        return dt.datetime.strptime(probe.strftime(pattern), pattern).date() == probe.date()  # noqa: DTZ007 - the date alone
    except ValueError:
        return False


def _zone(source: Mapping[str, Any], key: str) -> dt.tzinfo:
    name = _text_or_none(source, "zone", key) or "UTC"
    try:
        return dt.UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _WrongKey(key, f"{name!r} is not a time zone of this system; write it like Europe/Berlin.") from None


def _values(raw: Any, key: str) -> dict[str, str]:
    if raw is None:
        return {}
    values = _object(raw, key)
    for value, becomes in values.items():
        if not isinstance(becomes, str):
            raise _WrongKey(f"{key}.{value}", f"{becomes!r} has to be a text.")
    return dict(values)


def _properties(raw: Any) -> dict[str, str]:
    """Property name -> column. A list keeps the columns' own names."""
    if raw is None:
        return {}
    if isinstance(raw, list):
        raw = {name: name for name in raw if isinstance(name, str)} if all(isinstance(n, str) for n in raw) else 0
    named = _object(raw, "properties")
    for name, column in named.items():
        if not isinstance(column, str):
            raise _WrongKey(f"properties.{name}", f"{column!r} has to be the name of a column.")
    return dict(named)


def _object(raw: Any, key: str, allowed: Iterable[str] = ()) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _WrongKey(key, "has to be a block of `name: value` lines.")
    for name in raw:
        if not isinstance(name, str):
            raise _WrongKey(_below(key, name), "the name has to be a text; put it in quotes.")
        if allowed and name not in allowed:
            raise _WrongKey(_below(key, name), f"is not known here{_near(name, allowed)}")
    return raw


def _below(key: str, name: Any) -> str:
    return f"{key}.{name}" if key else str(name)


def _text_or_none(block: Mapping[str, Any], name: str, key: str) -> str | None:
    value = block.get(name)
    if name in block and (not isinstance(value, str) or not value):
        raise _WrongKey(key, f"{value!r} has to be a text.")
    return value


def _near(name: str, names: Iterable[str]) -> str:
    """The end of a complaint about a name: the one that was probably meant, else all that there are."""
    near = difflib.get_close_matches(name, list(names), 1)
    return f", did you mean {near[0]}?" if near else f"; there are {', '.join(names)}."
