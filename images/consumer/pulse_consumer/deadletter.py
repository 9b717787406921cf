"""Dead letters: the record as it was, and why it cannot become an event. Pure.

The ledger raw.dead_letters holds every byte and is the truth; the record on the DLQ topic is a copy for tools that
read Kafka, delivered at least once.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from pulse import VERSION
from pulse.errors import Rejection
from pulse_consumer import redrive
from pulse_consumer.record import Headers, Record
from pulse_consumer.redrive import Origin

PREFIX = "pulse.dlq."


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record and the verdict on it. `code` is one of pulse.events.REJECTION_CODES.

    `origin` names the record that it first was, if it is a dead letter that was sent again.
    """

    record: Record
    code: str
    reason: str
    field: str
    sqlstate: str | None
    origin: Origin | None = None

    @property
    def attempt(self) -> int:
        """1 for a record as it first came, one more for each time that it was sent again and refused."""
        return 1 if self.origin is None else self.origin.attempt + 1

    @classmethod
    def of(cls, record: Record, why: Rejection) -> DeadLetter:
        """The dead letter of a record that was refused."""
        return cls(record, why.code, why.reason, why.field, why.sqlstate, redrive.known_origin(record))


def dlq_headers(letter: DeadLetter, topic: str, first_seen: str) -> Headers:
    """The headers of the copy: those of the record first, then where it came from and what is wrong with it."""
    record = letter.record
    own = {
        "topic": topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": "" if record.kafka_us is None else str(record.kafka_us // 1000),
        "class": letter.code,
        "reason": letter.reason,
        "field": letter.field,
        "sqlstate": letter.sqlstate or "",
        "attempt": str(letter.attempt),
        "first_seen": first_seen,
        "version": VERSION,
    }
    return [*(record.headers or ()), *((PREFIX + name, text.encode()) for name, text in own.items())]


def ledger_headers(record: Record) -> str:
    """The record's headers as the JSON that raw.dead_letters stores: [name, base64 of the value or null] in order."""
    return json.dumps(
        [
            [name.replace("\0", "\ufffd"), None if value is None else base64.b64encode(value).decode()]
            for name, value in record.headers or ()
        ]
    )
