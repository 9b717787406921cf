"""Every error that Pulse raises on purpose, and what happens next for each.

    PulseError
     ├── Retry      nothing was committed; the same work is tried again after a pause
     │    ├── KafkaUnavailable
     │    ├── DatabaseUnavailable
     │    └── Fenced          somebody else owns the partition now; its state is read again first
     ├── Rejection  this one record can never become an event; it goes to the dead letters
     └── Stop       a person has to decide or mend something first
          ├── SettingsError
          ├── DatabaseWrong
          │    └── DatabaseClosed   it takes no writes for now; a consumer waits for it, from its start on
          ├── OffsetsDisagree
          └── BreakerOpen

The message says what failed, with which value, and what the reader can do.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Verdict(Enum):
    """What to do about a failure."""

    RETRY = "retry"
    REJECT = "reject"
    STOP = "stop"


class PulseError(Exception):
    """The root of the tree. `verdict` says what the caller does next."""

    verdict: ClassVar[Verdict] = Verdict.STOP


class Retry(PulseError):
    """An outage or a lost race: roll back, wait, try the same work again."""

    verdict = Verdict.RETRY


class KafkaUnavailable(Retry):
    """The broker did not answer, or did not acknowledge, in time."""


class DatabaseUnavailable(Retry):
    """Postgres is away, restarting, or asked for the transaction to be repeated."""


class Fenced(Retry):
    """The stored offset or epoch of a partition is not the one this owner wrote last."""


class Stop(PulseError):
    """Going on would lose or double events, or cannot work at all."""

    verdict = Verdict.STOP


class SettingsError(Stop):
    """A setting is missing, unknown or out of its range; the message names the variable."""


class DatabaseWrong(Stop):
    """The database answers, but not as Pulse needs it: table missing, access refused, disk full, read-only."""


class DatabaseClosed(DatabaseWrong):
    """The database takes no writes: it is read-only, as during a switch-over, or its disk is full."""


class OffsetsDisagree(Stop):
    """The stored offsets and the log do not belong together; choosing for the user could lose events."""


class BreakerOpen(Stop):
    """So many records in a row are bad that the producer, not the records, is the likely fault."""


class Rejection(PulseError):
    """One record that cannot become an event.

    `code` is one of `pulse.events.REJECTION_CODES`, `field` the path of the offending field ("" when the
    document as a whole is wrong), `reason` a sentence without the value of any personal field.
    """

    verdict = Verdict.REJECT

    def __init__(self, code: str, reason: str, field: str = "", sqlstate: str | None = None) -> None:
        super().__init__(f"{code}: {reason}" if not field else f"{code} at {field}: {reason}")
        self.code = code
        self.reason = reason
        self.field = field
        self.sqlstate = sqlstate
