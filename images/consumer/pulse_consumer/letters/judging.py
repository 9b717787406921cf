"""Whether a dead letter may be sent again, and what would come of it. Pure: the consumer's own decoder is asked."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse_consumer import redrive
from pulse_consumer.letters.letter import DROPPED, ERASED, REPLAYED, Letter
from pulse_consumer.letters.patches import Change
from pulse_consumer.record import REJECTED_HEADER, Headers


@dataclass(frozen=True, slots=True)
class Rules:
    """What `replay` was told: a change of the values, and which letters it may take."""

    change: Change | None = None
    most_attempts: int = 3
    force: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """The record to send, and the id of the event that the contract makes of it."""

    letter: Letter
    value: bytes | None
    headers: Headers
    event_id: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """A letter that is not sent. `refused` is the contract's code, "" if the letter is held back for another reason."""

    letter: Letter
    why: str
    refused: str = ""


def judged(letter: Letter, rules: Rules, decoder: EventDecoder, bound: Set[bytes]) -> Ready | Left:
    """The record to send for the letter, or why none is. `bound` are the ids that its record may be stored under."""
    held = _held(letter, rules)
    if held:
        return Left(letter, held)
    try:
        value = letter.value if rules.change is None else rules.change.applied(letter.value)
        event = redrive.event(decoder, value, letter.origin)
    except ValueError as wrong:
        return Left(letter, str(wrong))
    except Rejection as refused:
        where = f" at {refused.field}" if refused.field else ""
        return Left(letter, f"would be refused again: {refused.code}{where}, {refused.reason}", refused.code)
    other = bound - {event.event_id}
    if other:
        return Left(
            letter,
            "was sent before as an event of another id, and would become a second one: keep user_id and event_id as "
            "they were then",
        )
    return Ready(letter, value, _headers(letter), event.event_id)


def _held(letter: Letter, rules: Rules) -> str:
    if letter.state == ERASED:
        return "is erased: there is nothing left to send"
    if letter.state in (REPLAYED, DROPPED) and not rules.again:
        return f"is {letter.state}: --again takes it all the same"
    if letter.attempt >= rules.most_attempts and not rules.force:
        return (
            f"failed {letter.attempt} times, the limit is {rules.most_attempts}: mend the cause, then --force takes it"
        )
    return ""


def _headers(letter: Letter) -> Headers:
    """The record's own, less what an earlier sending said; the collector's verdict ends where a person decides."""
    own = [
        (name, value)
        for name, value in letter.headers
        if name != REJECTED_HEADER and not name.startswith(redrive.PREFIX)
    ]
    return [*own, *redrive.headers(letter.origin)]
