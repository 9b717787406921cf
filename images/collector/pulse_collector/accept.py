"""From one event as it was sent to the record that goes to Kafka, or to the reason why it never becomes an event. Pure.

The judgement is the consumer's own (`pulse.events`), so that what is accepted here is stored there. Beside it the
collector fills in who acted, sets the client's clock right and says what it knows of the client.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec

from pulse.documents import Document, decoded_by
from pulse.errors import Rejection
from pulse.events import EARLIEST_US, EventDecoder
from pulse.fingerprint import COLLECTOR_CONTEXT
from pulse_collector.agents import agent
from pulse_collector.bots import bot_reason

# What is read of a User-Agent; the class stands in front.
MOST_AGENT_CHARACTERS = 1_000

# What only the collector says, beside the codes of the contract (`pulse.events.REJECTION_CODES`).
EVENT_TOO_LARGE = "event_too_large"

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EARLIEST, _NOTHING = _EPOCH + dt.timedelta(microseconds=EARLIEST_US), dt.timedelta(0)
_TRUE, _GRANTED = b"true", b'"granted"'


class Submitted(Document, forbid_unknown_fields=True, omit_defaults=True, gc=False, kw_only=True):
    """The contract, less strict in one field and with one more."""

    user_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None  # type: ignore[assignment]
    sent_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """What the request says of whoever sent it. `ip` is "" where it is not kept."""

    user_agent: str = ""
    prefetch: bool = False
    ip: str = ""


class Accepted(NamedTuple):
    """A record for the events topic, and why it is flagged as a bot's, if it is.

    `visitor` is the anonymous one, if there is one who has not said no.
    """

    key: bytes
    value: bytes
    bot_reason: str | None
    visitor: str | None


class Rejected(NamedTuple):
    """An event that was refused: its place in the request, its bytes as they came, and why."""

    place: int
    raw: bytes
    code: str
    field: str
    reason: str


class Known(NamedTuple):
    """What the collector says of a client, ready to be written: fields of the context, not to be changed."""

    fields: dict[str, msgspec.Raw]
    bot_reason: str | None


class Sorted(NamedTuple):
    """What became of the events of one request."""

    accepted: list[Accepted]
    rejected: list[Rejected]


_submitted = msgspec.json.Decoder(Submitted)
_raws = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


class Acceptance:
    """Sorts events by the contract of one pipeline."""

    def __init__(
        self, *, event_bytes: int, custom_events: bool = True, new_id: Callable[[int], str] | None = None
    ) -> None:
        """`new_id` makes ids, from our clock, for events that have none; without it the consumer derives them."""
        self._event_bytes, self._new_id = event_bytes, new_id
        self._decoder = EventDecoder(custom_events=custom_events)

    def sorted(self, events: Iterable[bytes], sent_at: dt.datetime | None, received_us: int, client: Client) -> Sorted:
        """What becomes of each event. `sent_at` is the sender's clock for all of them, `received_us` ours."""
        accepted: list[Accepted] = []
        rejected: list[Rejected] = []
        received = _EPOCH + dt.timedelta(microseconds=received_us)
        known = _known_of(client)
        for place, raw in enumerate(events):
            try:
                accepted.append(self._accepted(raw, sent_at, received_us, received, client, known))
            except Rejection as why:
                rejected.append(Rejected(place, raw, why.code, why.field, why.reason))
        return Sorted(accepted, rejected)

    def _accepted(
        self,
        raw: bytes,
        sent_at: dt.datetime | None,
        received_us: int,
        received: dt.datetime,
        client: Client,
        known: Known,
    ) -> Accepted:
        if len(raw) > self._event_bytes:
            raise Rejection(EVENT_TOO_LARGE, f"longer than {self._event_bytes} bytes")
        event = decoded_by(_submitted, raw)
        user_id = event.user_id = _identity(event)
        created, sent = event.timestamp, sent_at or event.sent_at
        event.sent_at = None
        event.received_at = received
        if sent is not None:
            event.timestamp = _corrected(created, sent, received)
        judged = self._decoder.judged(event, raw, None)
        if self._new_id is not None and event.event_id is None:
            event.event_id = self._new_id(received_us)
        context, properties = _opened(event.properties, judged.properties)
        fields, reason = _known_in(context, client, known) if context else known
        context.update(fields)
        if sent is not None:
            context["created_at"] = msgspec.Raw(_encode(created))
            context["sent_at"] = msgspec.Raw(_encode(sent))
        properties["context"] = msgspec.Raw(_encode(context))
        event.properties = msgspec.Raw(_encode(properties))
        consent = context.get("consent")
        visitor = event.anonymous_id if consent is None or bytes(consent) == _GRANTED else None
        return Accepted(user_id.encode(), _encode(event), reason, visitor)


def _identity(event: Submitted) -> str:
    """The acting identity: the signed-in user, else the anonymous visitor."""
    if event.user_id is not None:
        return event.user_id
    if event.anonymous_id is None:
        raise Rejection("missing_field", "neither user_id nor anonymous_id is there", "user_id")
    if not 1 <= len(event.anonymous_id) <= 200:
        raise Rejection("out_of_range", "Expected `str` of length 1 to 200", "anonymous_id")
    return event.anonymous_id


def _corrected(created: dt.datetime, sent: dt.datetime, received: dt.datetime) -> dt.datetime:
    """When it happened by our clock: as long before the arrival as the client's own clock says that it waited.

    A wrong clock is wrong by the same at both ends, so that only the wait remains. An event that was sent before it
    was made, as its clock was set back between, happened when it arrived.
    """
    waited = _in_utc(sent) - _in_utc(created)
    if waited <= _NOTHING:
        return received
    try:
        corrected = received - waited
    except OverflowError:
        corrected = _EPOCH
    if corrected < _EARLIEST:
        raise Rejection("timestamp_out_of_range", "before 2000-01-01 or over 24 h after the arrival", "timestamp")
    return corrected


def _in_utc(moment: dt.datetime) -> dt.datetime:
    """A time without a zone is UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def _opened(
    raw: msgspec.Raw, properties: dict[str, Any] | None
) -> tuple[dict[str, msgspec.Raw], dict[str, msgspec.Raw]]:
    """Context and properties, each value with the bytes that the client wrote.

    A context that is no object is kept under `given`; what only the collector may say is taken out.
    """
    if not properties:
        return {}, {}
    outer = _raws.decode(raw)
    if properties.get("context") is None:
        outer.pop("context", None)
        return {}, outer
    if not isinstance(properties["context"], dict):
        return {"given": outer["context"]}, outer
    inner = _raws.decode(outer["context"])
    return inner, outer


def _known_in(context: dict[str, msgspec.Raw], client: Client, known: Known) -> Known:
    """What is known of the client, with what the event itself says of the browser; without its word on the rest."""
    named, driven = context.get("user_agent"), context.get("webdriver")
    for name in COLLECTOR_CONTEXT & context.keys():
        del context[name]
    webdriver = driven is not None and bytes(driven) == _TRUE
    text = client.user_agent
    if named is not None and bytes(named)[:1] == b'"':
        text = _text.decode(named)[:MOST_AGENT_CHARACTERS]
    elif not webdriver:
        return known
    return _known_of(replace(client, user_agent=text), webdriver=webdriver)


def _known_of(client: Client, *, webdriver: bool = False) -> Known:
    known = _of_agent(client.user_agent, client.prefetch, webdriver)
    if not client.ip:
        return known
    return Known({**known.fields, "ip": msgspec.Raw(_encode(client.ip))}, known.bot_reason)


@lru_cache(maxsize=4_096)
def _of_agent(user_agent: str, prefetch: bool, webdriver: bool) -> Known:
    """The class of the program and whether it is a bot, ready to be written. Not to be changed."""
    reason = bot_reason(user_agent, prefetch=prefetch, webdriver=webdriver)
    fields: dict[str, Any] = {"user_agent": agent(user_agent)._asdict(), "is_bot": reason is not None}
    if reason is not None:
        fields["bot_reason"] = reason
    return Known({name: msgspec.Raw(_encode(value)) for name, value in fields.items()}, reason)
