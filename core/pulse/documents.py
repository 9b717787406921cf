"""From the bytes of a record to the fields of the contract, each of its type; nothing here judges times or ids.

Strict where the contract is (types, ranges, text that Postgres can store) and keeping where it keeps: a field that the
contract does not know moves under properties.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, TypeVar

import msgspec

from pulse.errors import Rejection

MAX_NESTING = 64

_PATH = re.compile(r" - at `\$\.?(.*)`$")
_NONE = msgspec.Raw(b"null")


class Metadata(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    product_id: str | None = None
    category: str | None = None
    price: Annotated[float, msgspec.Meta(ge=0, le=9_999_999_999.99)] | None = None
    search_query: str | None = None


class Document(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    event_type: str
    user_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    timestamp: dt.datetime
    event_id: str | None = None
    page: str | None = None
    metadata: Metadata | None = None
    funnel_step_index: Annotated[int, msgspec.Meta(ge=0, le=4)] | None = None
    funnel_complete: bool | None = None
    received_at: dt.datetime | None = None
    session_id: str | None = None
    anonymous_id: str | None = None
    properties: msgspec.Raw = _NONE


D = TypeVar("D", bound=Document)

_document = msgspec.json.Decoder(Document)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_anything = msgspec.json.Decoder(Any)
_properties = msgspec.json.Decoder(dict[str, Any])
NO_METADATA = Metadata()


def decoded(value: bytes) -> Document:
    """The document in `value`, unknown fields under its properties; Rejection says what is wrong with it."""
    return decoded_by(_document, value)


def decoded_by(decoder: msgspec.json.Decoder[D], value: bytes) -> D:
    """The same for a decoder of a document that has fields of its own beside those of the contract."""
    try:
        return _strictly_or_with_unknown_fields(decoder, value)
    except msgspec.ValidationError as wrong:
        raise _refused(wrong) from None
    except UnicodeDecodeError:
        raise Rejection("not_utf8", "the value holds bytes that are not UTF-8") from None
    except msgspec.DecodeError as wrong:
        raise _not_json(value, wrong) from None
    except RecursionError:
        raise _too_deep() from None


def _strictly_or_with_unknown_fields(decoder: msgspec.json.Decoder[D], value: bytes) -> D:
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as wrong:
        if not str(wrong).startswith("Object contains unknown field"):
            raise
    return decoder.decode(_unknown_fields_moved(value, decoder.type.__struct_fields__))


def _not_json(value: bytes, wrong: msgspec.DecodeError) -> Rejection:
    try:
        value.decode()
    except UnicodeDecodeError:
        return Rejection("not_utf8", "the value holds bytes that are not UTF-8")
    return Rejection("invalid_json", str(wrong))


def _refused(wrong: msgspec.ValidationError) -> Rejection:
    """The rejection that msgspec's complaint stands for; its message names types and limits, never a value."""
    text = str(wrong)
    path = _PATH.search(text)
    reason = text[: path.start()] if path else text
    field = path.group(1) if path else ""
    if "missing required field" in reason:
        return Rejection("missing_field", reason, ".".join(filter(None, [field, reason.split("`")[1]])))
    if "RFC3339" in reason:
        return Rejection("invalid_timestamp", "not a time as RFC 3339 writes it", field)
    if "got `" in reason:
        return Rejection("wrong_type" if field else "not_an_object", reason, field)
    return Rejection("out_of_range", reason, field)


def _unknown_fields_moved(value: bytes, known: tuple[str, ...]) -> bytes:
    """The same document with the fields that are not `known` under properties, so that none is lost."""
    top = _fields.decode(value)
    unknown = {name: top.pop(name) for name in list(top) if name not in known}
    if bytes(top.get("metadata", _NONE)).lstrip()[:1] == b"{":
        inner = _fields.decode(top["metadata"])
        extra = {name: inner.pop(name) for name in list(inner) if name not in Metadata.__struct_fields__}
        if extra:
            top["metadata"] = msgspec.Raw(msgspec.json.encode(inner))
            unknown["metadata"] = msgspec.Raw(msgspec.json.encode(extra))
    given = bytes(top.get("properties", _NONE)).strip()
    if given[:1] not in (b"{", b"n"):
        raise Rejection("wrong_type", "Expected `object | null`", "properties")
    properties = {} if given == b"null" else _fields.decode(given)
    for name, raw in unknown.items():
        properties[name if name not in properties else f"top_level.{name}"] = raw
    top["properties"] = msgspec.Raw(msgspec.json.encode(properties))
    return msgspec.json.encode(top)


def checked_properties(raw: bytes) -> dict[str, Any]:
    """The object in `raw`, or a Rejection: not UTF-8, a number out of range, nested too deep."""
    try:
        properties = _properties.decode(raw)
    except UnicodeDecodeError:
        raise Rejection("not_utf8", "the value holds bytes that are not UTF-8", "properties") from None
    except msgspec.ValidationError as wrong:
        reason = _PATH.sub("", str(wrong))
        raise Rejection("wrong_type" if "got `" in reason else "out_of_range", reason, "properties") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError as wrong:
        raise Rejection("invalid_json", str(wrong), "properties") from None
    if raw.count(b"{") + raw.count(b"[") > MAX_NESTING and _depth(properties) > MAX_NESTING:
        raise _too_deep()
    return properties


def _too_deep() -> Rejection:
    return Rejection("nesting_too_deep", f"nested deeper than {MAX_NESTING} levels", "properties")


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        item, level = waiting.pop()
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else None
        if children is not None:
            deepest = max(deepest, level)
            waiting.extend((child, level + 1) for child in children)
    return deepest


def refuse_nul(value: bytes) -> None:
    """Rejects the document if one of its texts or names really holds U+0000, and not a backslash before `u0000`."""
    waiting: list[tuple[str, Any]] = [("", _anything.decode(value))]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, str) and "\x00" in item:
            raise Rejection("nul_character", "a text holds U+0000", path)
        if isinstance(item, dict):
            for name, child in item.items():
                if "\x00" in name:
                    raise Rejection("nul_character", "a name holds U+0000", path)
                waiting.append((f"{path}.{name}" if path else name, child))
        elif isinstance(item, list):
            waiting.extend((f"{path}[{index}]", child) for index, child in enumerate(item))
