"""The events of a history cut into runs, in the order in which they are sent."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from .events import FIRST_DAY, GAP, MICROSECOND, STEP_TYPES, Event, event, purchase, visits

LEAST_EVENTS = 50
MOST_EVENTS = 150  # beside those that come last, and a long chain
# The limit of the quarantine: more than the longest chain has on a day, and few enough for a small history to cross.
MOST_A_DAY = 60


def deliveries(rng: random.Random) -> list[Event]:
    """Events in the order in which they are sent: mostly that of time, or any; those that change most come last."""
    users = [f"user-{number}" for number in range(rng.randrange(2, 7))] + ["anon-1", "anon-2"]
    made: list[Event] = []
    while len(made) < LEAST_EVENTS:
        for user in users:
            made += [event(rng, user, moment) for moment in visits(rng)]
            if rng.random() < 0.3:
                made += [event(rng, user, moment, event_type) for moment, event_type in purchase(rng)]
    del made[MOST_EVENTS:]
    last = [*_bridges(rng, made), *_crowd(rng, rng.choice(users))]
    if rng.random() < 0.25:
        chain = list(_long_chain(rng))
        made += [event(rng, "user-0", moment, rng.choice(STEP_TYPES)) for moment in chain]
        last.append(event(rng, "user-0", chain[0] - timedelta(seconds=rng.randrange(1, 1801)), "page_view"))
    if rng.random() < 0.03:
        made.append(event(rng, rng.choice(users), datetime(2000, 1, 1, tzinfo=UTC), "page_view"))
    return [*_in_some_order(rng, made), *rng.sample(last, len(last))]


def _in_some_order(rng: random.Random, events: list[Event]) -> list[Event]:
    if rng.random() < 0.3:
        return rng.sample(events, len(events))
    late = {each.event_id: timedelta(days=rng.choice((0, 0, 0, 0, 0, 0, 1, 5, 40))) for each in events}
    return sorted(events, key=lambda each: each.event_timestamp + late[each.event_id])


def _bridges(rng: random.Random, events: Sequence[Event]) -> Iterator[Event]:
    """Events that join two sessions of a user to one, or that move the start of one."""
    by_user = sorted(events, key=lambda each: (each.user_id, each.event_timestamp))
    for before, after in pairwise(by_user):
        between = after.event_timestamp - before.event_timestamp
        if before.user_id == after.user_id and GAP < between <= 2 * GAP and rng.random() < 0.5:
            yield event(rng, before.user_id, before.event_timestamp + between / 2, "page_view")
    for each in rng.sample(by_user, min(3, len(by_user))):
        early = rng.choice((GAP, GAP + MICROSECOND, timedelta(seconds=rng.randrange(1, 1800))))
        yield event(rng, each.user_id, each.event_timestamp - early, rng.choice(STEP_TYPES))


def _crowd(rng: random.Random, user: str) -> Iterator[Event]:
    """More events on a day or two than the limit, or just as many as it allows; only some histories have it."""
    if rng.random() < 0.4:
        for day in rng.choice(((0,), (10,), (44,), (3, 4), (0, 44))):
            start = FIRST_DAY + timedelta(days=day, hours=rng.randrange(23))
            for _ in range(MOST_A_DAY + rng.choice((-1, 0, 1, 8))):
                yield event(rng, user, start + timedelta(seconds=rng.randrange(3_000)), rng.choice(STEP_TYPES))


def _long_chain(rng: random.Random) -> Iterator[datetime]:
    """Sixty hours without a gap, with events on and beside the cuts at 24 and 48 hours."""
    start = FIRST_DAY + timedelta(days=25, seconds=rng.randrange(86_400))
    for number in range(125):
        yield start + number * timedelta(minutes=29)
    for hours in (24, 48):
        yield start + timedelta(hours=hours) - MICROSECOND
        yield start + timedelta(hours=hours)
