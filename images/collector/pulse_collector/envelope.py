"""From a body to the events in it: one event, or a batch with the time at which it was sent. Pure."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import msgspec

from pulse_collector.refusals import Refused

_ABSENT = msgspec.Raw(b"")


class Envelope(NamedTuple):
    """The events as they were written, and the sender's clock when it sent them, where it said so."""

    events: list[bytes]
    sent_at: dt.datetime | None


class _Body(msgspec.Struct, gc=False):
    batch: msgspec.Raw = _ABSENT
    sent_at: msgspec.Raw = _ABSENT


_body = msgspec.json.Decoder(_Body)
_batch = msgspec.json.Decoder(list[msgspec.Raw])
_time = msgspec.json.Decoder(dt.datetime | None)


def opened(body: bytes, most_events: int) -> Envelope:
    """What is in the body. Refused if it is no JSON object, its batch no list or too long, its time none."""
    if not body.strip(b" \t\r\n"):
        raise Refused("empty_body")
    try:
        outer = _body.decode(body)
    except msgspec.ValidationError:
        raise Refused("not_an_object") from None
    except UnicodeDecodeError:
        raise Refused("not_utf8") from None
    except msgspec.DecodeError:
        raise Refused(_not_json(body)) from None
    except RecursionError:
        raise Refused("nesting_too_deep") from None
    if not bytes(outer.batch):
        return Envelope([body], None)
    return Envelope(_events(bytes(outer.batch), most_events), _sent_at(bytes(outer.sent_at)))


def _events(batch: bytes, most_events: int) -> list[bytes]:
    try:
        events = _batch.decode(batch)
    except msgspec.ValidationError:
        raise Refused("invalid_batch") from None
    if len(events) > most_events:
        raise Refused("too_many_events")
    return [bytes(event) for event in events]


def _sent_at(raw: bytes) -> dt.datetime | None:
    try:
        return _time.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("invalid_sent_at") from None


def _not_json(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "invalid_json"
