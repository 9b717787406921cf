"""Random histories of raw rows, the same for the same seed.

Makes rows and judges nothing: what they come to is counted in `reference`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime

from .events import STEP_TYPES, Event, event, instant, marathon, purchase, visits

CLASSES = ("not_json", "missing_field", "timestamp_out_of_range")


@dataclass(frozen=True)
class Batch:
    """A row of raw.batches."""

    committed_at: datetime
    inserted: int
    duplicate: int
    conflict: int
    dead: int


@dataclass(frozen=True)
class DeadLetter:
    """A row of raw.dead_letters."""

    first_seen: datetime
    reason_class: str


@dataclass
class History:
    """What the raw schema holds."""

    events: list[Event] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


def history(seed: int) -> History:
    """Several hundred events of some 70 users, with the ledgers beside them."""
    rng = random.Random(seed)
    made = History()
    for user in _users():
        made.events += [event(rng, user, moment) for moment in visits(rng)]
        if rng.random() < 0.3:
            made.events += [event(rng, user, moment, event_type) for moment, event_type in purchase(rng)]
    for user in ("user-0", "user-1"):
        made.events += [event(rng, user, moment, rng.choice(STEP_TYPES)) for moment in marathon(rng)]
    rng.shuffle(made.events)
    for _ in range(60):
        made.batches.append(Batch(instant(rng), *(rng.randrange(0, 40) for _ in range(4))))
        made.dead_letters.append(DeadLetter(instant(rng), rng.choice(CLASSES)))
    return made


def _users() -> list[str]:
    # Some act only before they sign in: their user_id is an anonymous id that others are seen with too.
    return [f"user-{number}" for number in range(50)] + [f"anon-{number}" for number in range(20)]
