"""A dead letter that is sent again says which record it first was, and gets the id that this one would have had. Pure.

`pulse dlq replay` writes these headers and the consumer reads them. Whoever may write to the events topic could write
them too; they say no more than a producer can say in its documents: an id, and when the event was first received.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from pulse.errors import Rejection
from pulse.events import AHEAD_US, Event, EventDecoder
from pulse_consumer.record import Headers, Record

PREFIX = "pulse.redrive."

_LARGEST_PARTITION = 2**31 - 1
_LARGEST_OFFSET = 2**63 - 1
_LATEST_MS = 253_402_300_799_999  # the year 9999, the last that every part of Pulse can write
_LARGEST_ATTEMPT = 1_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """The record that a dead letter was at its first attempt.

    `kafka_us` is None if the broker had no time for it, and `trusted` says that it is the broker's clock. `attempt` is
    the one that failed last: 1 when the record had never been sent again.
    """

    topic_id: bytes
    partition: int
    offset: int
    kafka_us: int | None
    trusted: bool
    attempt: int


def headers(origin: Origin) -> Headers:
    """What a record carries that is sent again."""
    own = {
        "topic_id": str(UUID(bytes=origin.topic_id)),
        "partition": str(origin.partition),
        "offset": str(origin.offset),
        "timestamp": "" if origin.kafka_us is None else str(origin.kafka_us // 1000),
        "timestamp_trusted": "true" if origin.trusted else "false",
        "attempt": str(origin.attempt),
    }
    return [(PREFIX + name, text.encode()) for name, text in own.items()]


def origin_of(record: Record) -> Origin | None:
    """The record's origin; None if it is none that was sent again. Rejection if its headers do not say which."""
    own = {name.removeprefix(PREFIX): value for name, value in record.headers or () if name.startswith(PREFIX)}
    if not own:
        return None
    try:
        origin = _parsed({name: (value or b"").decode("ascii") for name, value in own.items()})
    except (KeyError, ValueError):
        raise _refused("its headers pulse.redrive.* do not name one") from None
    arrival_us = record.kafka_us if record.trusted else None
    if arrival_us is not None and origin.kafka_us is not None and origin.kafka_us > arrival_us + AHEAD_US:
        raise _refused("its first arrival lies over 24 h after this one")
    return origin


def known_origin(record: Record) -> Origin | None:
    """The same for a record that is refused anyway: None too if its headers do not say which."""
    try:
        return origin_of(record)
    except Rejection:
        return None


def event(decoder: EventDecoder, value: bytes | None, origin: Origin) -> Event:
    """The event in `value` as it would have been at its origin: same id, judged by and counted from that arrival.

    Rejection as `EventDecoder.decode` says.
    """
    made = decoder.decode(value, origin.kafka_us, origin.topic_id, origin.partition, origin.offset)
    if made.received_us is None and origin.trusted:
        return msgspec.structs.replace(made, received_us=origin.kafka_us)
    return made


def _parsed(own: dict[str, str]) -> Origin:
    milliseconds = None if own["timestamp"] == "" else _number(own["timestamp"], 0, _LATEST_MS)
    return Origin(
        UUID(own["topic_id"]).bytes,
        _number(own["partition"], 0, _LARGEST_PARTITION),
        _number(own["offset"], 0, _LARGEST_OFFSET),
        None if milliseconds is None else milliseconds * 1000,
        {"true": True, "false": False}[own["timestamp_trusted"]],
        _number(own["attempt"], 1, _LARGEST_ATTEMPT),
    )


def _number(text: str, least: int, most: int) -> int:
    number = int(text)
    if not least <= number <= most:
        raise ValueError(text)
    return number


def _refused(why: str) -> Rejection:
    return Rejection("invalid_redrive", f"said to be a dead letter that is sent again, but {why}")
