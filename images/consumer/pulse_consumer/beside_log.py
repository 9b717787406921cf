"""Whether the ledger of one partition says of the log what the log says of itself. Pure.

The log is taken in runs of offsets that hold a record each, once and in order, with the ranges of raw.batches beside
it, of all groups and passes together. Memory holds the ranges that the log is in the middle of: one a pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pulse_consumer.chain import Span
from pulse_consumer.findings import Finding, LogSeen

# So many holes of a log are told one by one; those behind them are added up.
HOLES_TOLD = 20


@dataclass(frozen=True, slots=True)
class Read:
    """What this needs of a row of raw.batches."""

    first: int
    next: int
    records: int


@dataclass(slots=True)
class _Differing:
    """Ranges that follow each other, whose records are not those of the log."""

    first: int
    next: int
    read: int
    held: int


class BesideLog:
    """Takes the ranges, sorted by their first offset, and what the log holds from `low` to `end`, run by run.

    `is_compacted` is whether Kafka may take records out of the middle of the log.
    """

    def __init__(self, partition: int, ranges: Iterable[Read], low: int, end: int, *, is_compacted: bool) -> None:
        self._partition = partition
        self._ranges = iter(ranges)
        self._low, self._end = low, end
        self._is_compacted = is_compacted
        self._upcoming = next(self._ranges, None)
        self._open: list[tuple[int, int, int, int]] = []  # next, first, records read, records of the log before it
        self._place, self._records = low, 0
        self._compared = 0
        self._holes: list[Span] = []
        self._not_read: list[_Differing] = []
        self._differing: list[_Differing] = []
        self._turn(low)

    def add(self, first: int, following: int) -> None:
        """From `first` up to `following` each offset holds a record; between the run before and this one none does."""
        if first > self._place:
            self._holes.append((self._place, first))
            self._advance(first, holds=False)
        self._advance(following, holds=True)

    def findings(self, low: int) -> list[Finding]:
        """After the last run. The log begins at `low` by now: what it lost while it was read is left out."""
        if self._place < self._end:
            self._holes.append((self._place, self._end))
            self._advance(self._end, holds=False)
        return list(self._told(max(low, self._low)))

    def seen(self) -> LogSeen:
        """How much was compared."""
        lacking = sum(following - first for first, following in self._holes)
        return LogSeen(self._low, self._end, self._records, lacking, self._compared)

    def _advance(self, upto: int, *, holds: bool) -> None:
        while (edge := self._edge()) is not None and edge <= upto:
            self._go(edge, holds=holds)
            self._turn(edge)
        self._go(upto, holds=holds)

    def _edge(self) -> int | None:
        """Where the next range begins or ends."""
        edges = [self._open[0][0]] if self._open else []
        return min([*edges, self._upcoming.first] if self._upcoming else edges, default=None)

    def _go(self, to: int, *, holds: bool) -> None:
        count = to - self._place
        if holds and count:
            self._records += count
            if not self._open:
                _add(self._not_read, self._place, to, 0, count)
        self._place = to

    def _turn(self, edge: int) -> None:
        """Ranges that end here are compared, unless they began before the log; those that begin here are opened."""
        while self._open and self._open[0][0] == edge:
            following, first, read, before = heapq.heappop(self._open)
            if first >= self._low:
                self._compare(first, following, read, self._records - before)
        while self._upcoming and self._upcoming.first <= edge:
            found, self._upcoming = self._upcoming, next(self._ranges, None)
            if found.next > edge:
                heapq.heappush(self._open, (found.next, found.first, found.records, self._records))

    def _compare(self, first: int, following: int, read: int, held: int) -> None:
        self._compared += 1
        if held != read:
            _add(self._differing, first, following, read, held)

    def _told(self, low: int) -> Iterator[Finding]:
        for one in self._differing:
            if one.first >= low:
                yield self._difference(one)
        for one in self._not_read:
            if one.next > low:
                says = f"the log holds {one.held} records here that lie in no range of raw.batches."
                yield self._finding("not_read", max(one.first, low), one.next, one.held, says)
        yield from self._lacking([hole for hole in self._holes if hole[1] > low])

    def _difference(self, one: _Differing) -> Finding:
        count = abs(one.held - one.read)
        counts = f"{one.read} were read, {one.held} are in the log."
        if one.held > one.read:
            todo = f"`pulse offsets rewind-to --to-offset {self._partition}={one.first}` reads them again."
            says = f"{count} records were passed over: {counts}"
            return self._finding("passed_over", one.first, one.next, count, says, todo, fault=True)
        if self._is_compacted:
            return self._finding("compacted", one.first, one.next, count, f"{count} records are gone since: {counts}")
        todo = "Kafka has lost or replaced records since, or a row of raw.batches was changed."
        says = f"{count} records more were read than the log holds, and nothing takes records out of it: {counts}"
        return self._finding("never_there", one.first, one.next, count, says, todo, fault=True)

    def _lacking(self, holes: list[Span]) -> Iterator[Finding]:
        cause = "compaction, or control records" if self._is_compacted else "control records"
        why = f"{cause} of transactions and records of those that were given up."
        for first, following in holes[:HOLES_TOLD]:
            count = following - first
            yield self._finding(
                "lacking", first, following, count, f"the log holds no record at {count} offsets: {why}"
            )
        if rest := holes[HOLES_TOLD:]:
            count = sum(following - first for first, following in rest)
            says = f"the log holds no record at {count} offsets in {len(rest)} more places: {why}"
            yield self._finding("lacking", rest[0][0], rest[-1][1], count, says)

    def _finding(
        self, kind: str, first: int, following: int, count: int, says: str, todo: str = "", *, fault: bool = False
    ) -> Finding:
        return Finding(kind, fault, self._partition, first, following, count, says, todo)


def _add(found: list[_Differing], first: int, following: int, read: int, held: int) -> None:
    """Notes it, as one with what is noted of the offsets before if both differ in the same direction."""
    last = found[-1] if found else None
    if last is not None and last.next == first and (last.held > last.read) == (held > read):
        last.next, last.read, last.held = following, last.read + read, last.held + held
    else:
        found.append(_Differing(first, following, read, held))
