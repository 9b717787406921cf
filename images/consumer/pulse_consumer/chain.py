"""Whether the ranges of raw.batches chain: one group and partition, in the order in which they were committed. Pure.

A pass is a run of ranges that each begin where the one before ended. A move of the stored offset begins another pass.
A batch can only be written at the stored offset with the epoch that its owner took, so a range that begins anywhere
else, in the same epoch, was not written by a consumer, or a range before it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pulse_consumer.findings import Finding

Span = tuple[int, int]  # the first offset, and the one behind the last


@dataclass(frozen=True, slots=True)
class Range:
    """What the chain needs of a row of raw.batches."""

    epoch: int
    first: int
    next: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What it needs of a row of raw.offset_moves; `old` is None without a stored offset of this topic before."""

    move_id: int
    epoch: int
    old: int | None
    next: int


@dataclass(frozen=True, slots=True)
class End:
    """Where the stored offset is now, or was when the group left this topic for another of its name."""

    next: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Chained:
    """`closed` are holes that another pass read again, `open` those that none did."""

    findings: Sequence[Finding]
    open: Sequence[Span]
    closed: Sequence[Span]


class Chain:
    """Takes the ranges one after the other, and keeps nothing of them but where they lead."""

    def __init__(self, group: str, partition: int, moves: Iterable[Moved]) -> None:
        self._group = group
        self._partition = partition
        self._moves = sorted(moves, key=lambda move: move.epoch)
        self._expected: int | None = None
        self._reached = 0
        self._epoch = 0
        self._open: list[Span] = []
        self._closed: list[Span] = []
        self._findings: list[Finding] = []

    def add(self, found: Range) -> None:
        """The next range by batch_id."""
        self._pass_moves(found.epoch)
        expected = found.first if self._expected is None else self._expected
        if found.first > expected:
            self._hole(expected, found.first)
        elif found.first < expected:
            self._back(found.first, min(expected, found.next), recorded_by_epoch=found.epoch > self._epoch)
        self._cover(found.first, found.next)
        self._expected, self._epoch = found.next, max(self._epoch, found.epoch)

    def end(self, end: End | None) -> Chained:
        """After the last range: whether the stored offset is where the ranges end."""
        self._pass_moves(None)
        if end is not None and self._expected is not None:
            self._compare(self._expected, end)
        for first, following in self._open:
            self._tell(
                "gap",
                (first, following),
                f"group {self._group} has no range in raw.batches for these {following - first} offsets.",
                todo=f"`pulse offsets rewind-to --to-offset {self._partition}={first}` reads them again.",
            )
        for first, following in self._closed:
            self._tell("closed", (first, following), "a hole in one pass, which another pass covers.", fault=False)
        return Chained(self._findings, self._open, self._closed)

    def _pass_moves(self, epoch: int | None) -> None:
        while self._moves and (epoch is None or self._moves[0].epoch <= epoch):
            move = self._moves.pop(0)
            if self._expected is not None and move.old is not None and move.old != self._expected:
                if move.old > self._expected:
                    self._hole(self._expected, move.old)
                else:
                    self._back(move.old, self._expected, recorded_by_epoch=True)
            if move.old is not None and move.next > move.old:
                says = f"left out on purpose, by move {move.move_id}."
                self._tell("left_out", (move.old, move.next), says, fault=False)
                self._cover(move.old, move.next)
            elif move.old is None and self._expected is not None and move.next > self._expected:
                self._hole(self._expected, move.next)  # the stored offset itself was lost
            self._expected, self._epoch = move.next, max(self._epoch, move.epoch)
            self._reached = max(self._reached, move.next)

    def _compare(self, expected: int, end: End) -> None:
        if end.next > expected:
            self._hole(expected, end.next)
            self._tell(
                "offset",
                (expected, end.next),
                f"the stored offset of group {self._group} is {end.next}, and its ranges end at {expected}.",
            )
        elif end.next < expected:
            self._tell(
                "offset",
                (end.next, expected),
                f"the stored offset of group {self._group} is {end.next}, and its ranges end at {expected}; no move is "
                "recorded.",
                todo="A consumer reads them again, and stores nothing twice.",
            )

    def _hole(self, first: int, following: int) -> None:
        """Between two ranges of a pass. What an earlier pass reached is open only if it was open there."""
        known = min(max(first, self._reached), following)
        if first < known and not any(one < known and other > first for one, other in self._open):
            self._closed.append((first, known))
        if known < following:
            self._open.append((known, following))

    def _back(self, first: int, following: int, *, recorded_by_epoch: bool) -> None:
        if recorded_by_epoch:
            says = "read again, and no move is recorded: the stored offset was set by hand, or by an older Pulse."
            self._tell("again", (first, following), says, fault=False)
        else:
            says = f"two ranges of one owner in group {self._group} hold them."
            self._tell("overlap", (first, following), says, todo="Look who writes to raw.batches beside the consumer.")

    def _cover(self, first: int, following: int) -> None:
        still: list[Span] = []
        for one, other in self._open:
            if other <= first or one >= following:
                still.append((one, other))
                continue
            self._closed.append((max(one, first), min(other, following)))
            still += [part for part in ((one, first), (following, other)) if part[0] < part[1]]
        self._open = still
        self._reached = max(self._reached, following)

    def _tell(self, kind: str, span: Span, says: str, *, fault: bool = True, todo: str = "") -> None:
        count = span[1] - span[0]
        self._findings.append(Finding(kind, fault, self._partition, span[0], span[1], count, says, todo))
