"""A dead letter as the ledger has it, and how one is named. Pure."""

from __future__ import annotations

import base64
import datetime as dt
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pulse_consumer.record import Headers
from pulse_consumer.redrive import Origin

OPEN, SENDING, REPLAYED, DROPPED, ERASED = STATES = ("open", "sending", "replayed", "dropped", "erased")

_COORDINATES = re.compile(r"(?:([0-9a-fA-F-]{36}):)?(\d{1,10}):(\d{1,19})")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, order=True)
class Coordinates:
    """Where a record stands. Without a topic id: that partition and offset in whichever topic has them."""

    topic_id: UUID | None
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic_id}:{self.short}" if self.topic_id else self.short

    @property
    def short(self) -> str:
        """The form that is enough where there is one topic."""
        return f"{self.partition}:{self.offset}"


def coordinates(text: str) -> Coordinates:
    """`PARTITION:OFFSET` or `TOPIC_ID:PARTITION:OFFSET`; ValueError for anything else."""
    match = _COORDINATES.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no place: write PARTITION:OFFSET or TOPIC_ID:PARTITION:OFFSET, as list shows it")
    topic_id, partition, offset = match.groups()
    place = Coordinates(UUID(topic_id) if topic_id else None, int(partition), int(offset))
    if place.partition >= 2**31 or place.offset >= 2**63:
        raise ValueError(f"{text!r} lies beyond what Kafka can number")
    return place


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of raw.dead_letters with its state. `first` is the record of its first attempt, if this is another."""

    at: Coordinates
    topic: str
    kafka_us: int | None
    trusted: bool
    key: bytes | None
    value: bytes | None
    headers: Headers
    code: str
    reason: str
    field: str | None
    sqlstate: str | None
    attempt: int
    first_seen: dt.datetime
    state: str
    state_since: dt.datetime
    first: Origin | None

    @property
    def topic_id(self) -> UUID:
        assert self.at.topic_id is not None  # noqa: S101 - the ledger's key; only what a person types may lack it
        return self.at.topic_id

    @property
    def origin(self) -> Origin:
        """What a record says that sends this letter again: the first record, and the attempt that failed last."""
        return self.first or Origin(
            self.topic_id.bytes, self.at.partition, self.at.offset, self.kafka_us, self.trusted, self.attempt
        )


@dataclass(frozen=True, slots=True)
class Group:
    """How many letters of one class stand how, and when the first and the last of them were seen."""

    code: str
    state: str
    letters: int
    first: dt.datetime
    last: dt.datetime


def microseconds(moment: dt.datetime | None) -> int | None:
    """Microseconds since 1970, exact."""
    return None if moment is None else (moment - _EPOCH) // dt.timedelta(microseconds=1)


def headers(stored: list[list[Any]]) -> Headers:
    """The inverse of `deadletter.ledger_headers`."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in stored]
