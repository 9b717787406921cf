"""What the rules say about one event, and the arithmetic that all marts share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from ..events import CUSTOM_TYPES, STEP_TYPES, Event

Row = dict[str, object]

FUTURE_AFTER = timedelta(minutes=5)
RATES = (
    ("page_to_product", 1, 0),
    ("product_to_cart", 2, 1),
    ("cart_to_checkout", 3, 2),
    ("checkout_to_payment", 4, 3),
    ("overall", 4, 0),
)


@dataclass(frozen=True)
class Rules:
    """The settings of a run."""

    session_gap: timedelta = timedelta(minutes=30)
    late_after: timedelta = timedelta(minutes=5)
    time_zone: str = "UTC"
    include_custom_events: bool = True
    exclude_bots: bool = True
    quarantine_events_per_day: int = 10_000


def arrival(event: Event) -> datetime:
    return event.received_at if event.received_at is not None else event.kafka_timestamp


def is_late(event: Event, rules: Rules) -> bool:
    """Whether it is known to be late."""
    known = event.kafka_timestamp_trusted or event.received_at is not None
    return known and arrival(event) - event.event_timestamp > rules.late_after


def is_future(event: Event) -> bool:
    return event.event_timestamp - arrival(event) > FUTURE_AFTER


def context(event: Event) -> dict[str, object]:
    found = (event.properties or {}).get("context")
    return found if isinstance(found, dict) else {}


def is_bot(event: Event) -> bool:
    return context(event).get("is_bot") is True


def is_custom(event: Event) -> bool:
    return event.event_type in CUSTOM_TYPES


def own_step(event: Event) -> int | None:
    return STEP_TYPES.index(event.event_type) if event.event_type in STEP_TYPES else None


def step(event: Event) -> int | None:
    if is_custom(event):
        return None
    return event.funnel_step_index if event.funnel_step_index is not None else own_step(event)


def is_mismatch(event: Event) -> bool:
    sent = event.funnel_step_index
    return not is_custom(event) and sent is not None and sent != own_step(event)


def counts(event: Event, rules: Rules) -> bool:
    """Whether sessions, funnel and actives count it, as long as its user is not quarantined."""
    if is_future(event) or (rules.exclude_bots and is_bot(event)):
        return False
    return rules.include_custom_events or not is_custom(event)


def referrer(event: Event) -> str | None:
    """The host that sent the visitor, in lower case; None without a URL that has one."""
    sent = context(event).get("referrer")
    _, slashes, rest = sent.partition("://") if isinstance(sent, str) else ("", "", "")
    authority = rest.replace("?", "/").replace("#", "/").split("/")[0]
    host = authority.split("@")[-1].split(":")[0].lower()
    return host or None if slashes else None


def utm(event: Event, name: str) -> str | None:
    """A campaign parameter; None where it is absent or empty."""
    sent = context(event).get("utm")
    value = sent.get(name) if isinstance(sent, dict) else None
    return str(value) if value is not None and value != "" else None


def rounded(value: Fraction) -> Decimal:
    """Two digits, half away from zero; for values from 0 up."""
    return Decimal(math.floor(value * 100 + Fraction(1, 2))) / 100


def percent(part: int, whole: int) -> Decimal | None:
    return rounded(Fraction(100 * part, whole)) if whole else None


def day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def days_between(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
