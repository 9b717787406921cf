"""Whether the tables hold what the ledger says, stretch by stretch of one partition. Pure.

A stretch is a run of offsets that no range of raw.batches straddles: one range, or all that overlap after a replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulse_consumer.chain import Span
from pulse_consumer.findings import Finding


@dataclass(frozen=True, slots=True)
class Stretch:
    """The ledger's sums of a stretch. `most_…` is the largest sum of a single pass over it."""

    first: int
    next: int
    inserted: int
    conflict: int
    most_conflict: int
    dead: int
    most_dead: int
    expired: bool  # committed, in part at least, before what retention keeps of the events
    letters_expired: bool = False  # the same of dead letters and conflicts


def events(partition: int, stretch: Stretch, held: int, stored_again: int, closed: Sequence[Span]) -> list[Finding]:
    """raw.events beside the ledger.

    `stored_again` are rows that a later pass put back after they had gone; `closed` are holes whose range is lost, and
    whose rows no range counts.
    """
    missing = stretch.inserted - held
    uncounted = sum(max(0, min(other, stretch.next) - max(one, stretch.first)) for one, other in closed)
    if missing > 0:
        if stretch.expired:
            return [
                _finding("expired", partition, stretch, missing, "rows are no longer kept in raw.events.", fault=False)
            ]
        lost = missing - stored_again
        if lost <= 0:
            return [
                _finding(
                    "stored_again", partition, stretch, missing, "rows had gone and were stored again.", fault=False
                )
            ]
        says = f"events that were stored are gone from raw.events: {stretch.inserted} inserted, {held} there."
        return [_finding("missing", partition, stretch, lost, says, todo=_read_again(partition, stretch))]
    if -missing > uncounted:
        says = f"rows of raw.events more than were inserted: {stretch.inserted} inserted, {held} there."
        todo = "A row of raw.batches is gone or was changed, or somebody else writes to raw.events."
        return [_finding("extra", partition, stretch, -missing - uncounted, says, todo=todo)]
    return []


def ledger(table: str, partition: int, stretch: Stretch, held: int, counted: int, most: int) -> list[Finding]:
    """raw.dead_letters or raw.event_conflicts beside the ledger; a record is in them once, however often it is read."""
    if held < most:
        if stretch.letters_expired:
            return [_finding("expired", partition, stretch, most - held, f"rows no longer in {table}.", fault=False)]
        says = f"rows are gone from {table}: {most} counted in one pass, {held} there."
        return [_finding("missing", partition, stretch, most - held, says, todo=_read_again(partition, stretch))]
    if held > counted:
        says = f"rows of {table} more than were counted: {counted} counted, {held} there."
        todo = "A row of raw.batches is gone or was changed."
        return [_finding("extra", partition, stretch, held - counted, says, todo=todo)]
    return []


def outside(table: str, partition: int, span: Span, count: int) -> list[Finding]:
    """Rows at offsets that no range holds."""
    if not count:
        return []
    says = f"{count} rows of {table} lie in no range of raw.batches."
    return [Finding("unaccounted", True, partition, span[0], span[1], count, says, "A row of raw.batches is gone.")]


def _read_again(partition: int, stretch: Stretch) -> str:
    return f"`pulse offsets rewind-to --to-offset {partition}={stretch.first}` stores again what Kafka still holds."


def _finding(
    kind: str, partition: int, stretch: Stretch, count: int, says: str, *, fault: bool = True, todo: str = ""
) -> Finding:
    return Finding(kind, fault, partition, stretch.first, stretch.next, count, f"{count} {says}", todo)
