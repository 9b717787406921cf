"""Visitors' events, random and the same for the same seed, with every case that the rules of the marts tell apart."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

STEP_TYPES = ("page_view", "product_view", "add_to_cart", "checkout", "payment")
OTHER_TYPES = ("search", "remove_from_cart", "button_click", "form_submit", "video_play")
CUSTOM_TYPES = ("wish_list_opened", "page_viewed")
PAGES = ("/", "/shoes", "/hats", "/cart", "/checkout", None)
CATEGORIES = ("shoes", "hats", "belts", None, None)
REFERRERS = (
    "https://news.example.org/best-shoes",
    "HTTPS://News.Example.org",
    "http://www.example.com:8080/?from=a//b",
    "https://someone@search.example/path#part",
    "/",
    "",
)
CAMPAIGNS: tuple[dict[str, object], ...] = (
    {"source": "newsletter", "medium": "email", "campaign": "spring"},
    {"source": "Partner", "medium": "affiliate"},
    {"source": "", "campaign": "spring"},
    {},
)

MICROSECOND = timedelta(microseconds=1)
GAP = timedelta(minutes=30)
DELAY = timedelta(minutes=5)

# Around both changes of the clocks of 2026, in America on 8 March and in Europe on 29 March.
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 45
SILENT_DAYS = range(20, 23)


@dataclass(frozen=True)
class Event:
    """A row of raw.events, as far as the marts read it."""

    event_id: uuid.UUID
    event_type: str
    user_id: str
    event_timestamp: datetime
    page: str | None
    category: str | None
    funnel_step_index: int | None
    anonymous_id: str | None
    properties: dict[str, object] | None
    received_at: datetime | None
    kafka_timestamp: datetime
    kafka_timestamp_trusted: bool


def instant(rng: random.Random) -> datetime:
    return FIRST_DAY + timedelta(seconds=rng.randrange(DAYS * 86_400), microseconds=rng.randrange(1_000_000))


def visits(rng: random.Random) -> Iterator[datetime]:
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        moment = instant(rng)
        if rng.random() < 0.3:  # shortly before a midnight of UTC, Europe or America
            moment = moment.replace(hour=rng.choice((4, 22, 23)), minute=rng.randrange(45, 60))
        if (moment - FIRST_DAY).days in SILENT_DAYS:
            continue
        for _ in range(rng.choice((1, 1, 2, 4, 9))):
            yield moment
            moment += _pause(rng)


def _pause(rng: random.Random) -> timedelta:
    return rng.choice(
        (
            timedelta(0),
            timedelta(seconds=rng.randrange(1, 600)),
            timedelta(seconds=rng.randrange(1, 600)),
            timedelta(minutes=rng.randrange(20, 40)),
            GAP - MICROSECOND,
            GAP,
            GAP + MICROSECOND,
            GAP + timedelta(milliseconds=1),
            GAP + timedelta(seconds=30),
        )
    )


def purchase(rng: random.Random) -> Iterator[tuple[datetime, str]]:
    """The funnel in its order, left at some step, with a step repeated here and there."""
    moment = instant(rng)
    for event_type in STEP_TYPES[: rng.randrange(2, 6)]:
        for _ in range(rng.choice((1, 1, 2))):
            yield moment, event_type
            moment += timedelta(seconds=rng.randrange(1, 600))


def marathon(rng: random.Random) -> Iterator[datetime]:
    """More than two days without a gap, with events on and beside the cuts at 24 and 48 hours."""
    start = FIRST_DAY + timedelta(days=25, seconds=rng.randrange(86_400))
    end = start + timedelta(hours=rng.randrange(50, 70))
    moment = start
    while moment < end:
        yield moment
        moment += timedelta(minutes=rng.randrange(15, 31))
    for hours in (24, 48):
        yield start + timedelta(hours=hours) - MICROSECOND
        yield start + timedelta(hours=hours)


def event(rng: random.Random, user: str, moment: datetime, event_type: str = "") -> Event:
    """An event of the type; without one, of any type, and perhaps late, from the future or by a bot."""
    is_plain = bool(event_type)
    event_type = event_type or rng.choice(STEP_TYPES + STEP_TYPES + OTHER_TYPES + CUSTOM_TYPES)
    arrived = moment + (timedelta(seconds=rng.randrange(60)) if is_plain else _delay(rng))
    received = arrived if rng.random() < 0.3 else None
    # When somebody else had it first, Kafka got it later.
    kafka = arrived + timedelta(seconds=rng.randrange(7200)) if received else arrived
    anonymous = user if user.startswith("anon") else rng.choice((None, f"anon-{rng.randrange(25)}"))
    return Event(
        event_id=uuid.UUID(int=rng.getrandbits(128), version=4),
        event_type=event_type,
        user_id=user,
        event_timestamp=moment,
        page=rng.choice(PAGES),
        category=rng.choice(CATEGORIES),
        funnel_step_index=None if is_plain else _sent_step(rng, event_type),
        anonymous_id=anonymous,
        properties=None if is_plain else _properties(rng),
        received_at=received,
        kafka_timestamp=kafka,
        kafka_timestamp_trusted=rng.random() < 0.85,
    )


def _delay(rng: random.Random) -> timedelta:
    if rng.random() < 0.85:
        return timedelta(milliseconds=rng.randrange(60_000))
    return rng.choice(
        (
            DELAY,
            DELAY + MICROSECOND,
            timedelta(hours=rng.randrange(1, 100)),
            -DELAY,
            -DELAY - MICROSECOND,
            -timedelta(hours=rng.randrange(1, 23)),
        )
    )


def _sent_step(rng: random.Random, event_type: str) -> int | None:
    chance = rng.random()
    if chance < 0.03:
        return rng.randrange(5)  # whatever the type is
    if event_type in STEP_TYPES and chance < 0.5:
        return STEP_TYPES.index(event_type)
    return None


def _properties(rng: random.Random) -> dict[str, object] | None:
    if rng.random() < 0.4:
        return None
    if rng.random() < 0.5:
        return {"context": _origin(rng)}
    return {"context": rng.choice(({"is_bot": False}, {}, "none", {"is_bot": rng.random() < 0.3}))}


def _origin(rng: random.Random) -> dict[str, object]:
    found: dict[str, object] = {}
    if rng.random() < 0.7:
        found["referrer"] = rng.choice(REFERRERS)
    if rng.random() < 0.7:
        found["utm"] = rng.choice(CAMPAIGNS)
    return found
