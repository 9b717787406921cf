"""Whether the demo's numbers add up: what the producer says it sent against what the pipeline says became of it.

Pure: counts in, faults out. The producer's counts come from its truth files, which know nothing of the pipeline.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
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


def faults_of_books(produced: Produced, in_log: int, added: Accounts, *, from_empty: bool) -> list[str]:
    """Every sum between the producer, the log and the consumer's books that does not come out.

    `in_log` is how far the log grew. On a stack that held events before, an event sent may be a repeat of one of those.
    """
    told = added.inserted + added.duplicate + added.conflict + added.dead
    sums = [
        ("records sent by the simulator", produced.records, "records in the log", in_log),
        ("records in the log", in_log, "records read by the consumer", added.read),
        ("records read", added.read, "inserted + duplicate + conflict + dead", told),
        ("malformed records sent", produced.malformed, "dead letters", added.dead),
        ("conflicts expected", 0, "conflicts found", added.conflict),
    ]
    if from_empty:
        sums.append(("good events sent", produced.events, "events inserted", added.inserted))
        sums.append(("repeats sent", produced.duplicates, "duplicates found", added.duplicate))
    return [_unequal(*parts) for parts in sums if parts[1] != parts[3]]


def faults_of_marts(rows: int, mart_events: int, mart_rows: Mapping[str, int]) -> list[str]:
    """Every mart that is empty, and whether the marts count as many events as raw.events has rows."""
    empty = [f"marts.{name} is empty" for name, count in mart_rows.items() if count == 0]
    if rows != mart_events:
        empty.append(_unequal("rows in raw.events", rows, "events counted in the marts", mart_events))
    return empty


def told(added: Accounts, faults: Sequence[str]) -> str:
    """The account in words: one line when it comes out, else a line for each fault."""
    if faults:
        return "\n".join(f"Does not add up: {fault}" for fault in faults)
    return (
        f"It adds up: {added.read:,} records sent and read = {added.inserted:,} inserted + "
        f"{added.duplicate:,} duplicates + {added.conflict:,} conflicts + {added.dead:,} dead letters."
    )


def _unequal(left: str, one: int, right: str, other: int) -> str:
    return f"{left}: {one:,}, but {right}: {other:,}"
