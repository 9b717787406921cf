"""Whether the demo's numbers add up: what the producer says it sent against what the pipeline says became of it.

Pure: counts in, faults out. The producer's counts come from its truth files, which know nothing of the pipeline.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from pulse_local.figures import Accounts


@dataclass(frozen=True, slots=True)
class Produced:
    """What a producer sent: all records, and what they were."""

    records: int = 0
    events: int = 0
    duplicates: int = 0
    malformed: int = 0

    def __add__(self, other: Produced) -> Produced:
        return Produced(
            self.records + other.records,
            self.events + other.events,
            self.duplicates + other.duplicates,
            self.malformed + other.malformed,
        )


def since(before: Accounts, after: Accounts) -> Accounts:
    """What was added to the books between two looks."""
    return Accounts(
        **{name: value - getattr(before, name) for name, value in dataclasses.asdict(after).items()},
    )


def faults(
    produced: Produced, in_log: int, added: Accounts, rows: int, mart_events: int, mart_rows: Mapping[str, int]
) -> list[str]:
    """Every sum that does not come out; empty when all do.

    `in_log` is how far the log grew; `rows` and `mart_events` count all events, in raw.events and in the marts.
    """
    sums = (
        ("records sent by the simulator", produced.records, "records in the log", in_log),
        ("records in the log", in_log, "records read by the consumer", added.read),
        (
            "records read",
            added.read,
            "inserted + duplicate + conflict + dead",
            added.inserted + added.duplicate + added.conflict + added.dead,
        ),
        ("good events sent", produced.events, "events inserted", added.inserted),
        ("repeats sent", produced.duplicates, "duplicates found", added.duplicate),
        ("malformed records sent", produced.malformed, "dead letters", added.dead),
        ("conflicts expected", 0, "conflicts found", added.conflict),
        ("rows in raw.events", rows, "events counted in the marts", mart_events),
    )
    wrong = [f"{left} {a:,} ≠ {right} {b:,}" for left, a, right, b in sums if a != b]
    return [*wrong, *(f"marts.{name} is empty" for name, count in mart_rows.items() if count == 0)]
