"""Histories cut into runs: what reaches the raw schema before and during each run, and how the run ends.

The same for the same seed. Repeats, conflicts, rewinds, offsets that are skipped and read later, partitions and groups
that come later, topics made anew, and runs that fail in the middle are all in here; what must come of it is counted in
`reference`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from .deliveries import MOST_A_DAY, deliveries
from .events import Event
from .history import CLASSES
from .raw import Changes, Position, Reader
from .reference import Rules
from .stream import Bad, Stream

RULES = {
    "utc": Rules(quarantine_events_per_day=MOST_A_DAY),
    "berlin": Rules(
        late_after=timedelta(hours=2),
        time_zone="Europe/Berlin",
        include_custom_events=False,
        exclude_bots=False,
        quarantine_events_per_day=MOST_A_DAY,
    ),
}
SEEDS = range(1, 201)  # of the histories that every test run judges
KINDS = ("whole", "killed", "failed", "untested", "selected")
MOST_PARTITIONS = 4


@dataclass(frozen=True)
class Run:
    """How a run goes. `where` says in which part of it, from 0 to 1, what ends it happens.

    whole: all models succeed; killed: it ends after some model; failed: one model fails, and what depends on it is
    left out; untested: all models succeed and a data test does not; selected: a few models alone.
    """

    kind: str
    where: float = 1.0
    full_refresh: bool = False

    @property
    def is_whole(self) -> bool:
        return self.kind == "whole"


@dataclass(frozen=True)
class Step:
    """What is stored before the run and during it. A run is judged if what came during it lies beyond its reach."""

    before: Changes
    run: Run
    meanwhile: Changes = field(default_factory=Changes)
    is_judged: bool = True


@dataclass(frozen=True)
class Cut:
    """A history cut into runs; the last one is whole, and nothing comes during it."""

    seed: int
    rules: str
    steps: Sequence[Step]


def cut(seed: int) -> Cut:
    """The history of the seed."""
    rng = random.Random(seed)
    rules = rng.choice(sorted(RULES))
    return Cut(seed, rules, list(_Cutting(rng).steps()))


class _Cutting:
    """The course of one history."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._stream = Stream(rng)
        self._waiting = deque(deliveries(rng))
        self._sent: list[Event] = []
        self._skipped: list[tuple[Reader, Position]] = []
        self._resting = ""
        self._is_fit = False  # to be added to: a run of all models was the last to build anything anew

    def steps(self) -> Iterator[Step]:
        runs = self._rng.randrange(3, 7)
        for left in range(runs, 0, -1):
            share = len(self._waiting) if left == 1 else self._rng.randrange(2 * len(self._waiting) // left + 1)
            self._portion(share)
            if left == 1:
                self._end()
                yield Step(self._stream.taken(), Run("whole", full_refresh=not self._is_fit))
            else:
                yield self._step()

    def _step(self) -> Step:
        before, run = self._stream.taken(), self._run()
        self._is_fit = run.is_whole or (self._is_fit and not run.full_refresh)
        if not run.is_whole or self._rng.random() < 0.6:
            return Step(before, run)
        is_judged = self._rng.random() < 0.7
        for _ in range(min(len(self._waiting), self._rng.randrange(1, 30))):
            self._send()
        if is_judged:  # new records alone, each behind all that was read of its partition
            self._stream.read_all(self._stream.ahead())
        else:
            self._interfere()
            self._read()
        return Step(before, run, self._stream.taken(), is_judged)

    def _run(self) -> Run:
        kind = self._rng.choices(KINDS, (60, 15, 10, 5, 10))[0]
        # Where a run could not add to what is there, the runner builds everything anew.
        return Run(kind, self._rng.random(), not self._is_fit or self._rng.random() < 0.1)

    def _portion(self, count: int) -> None:
        self._resting = self._rng.choice((*self._stream.groups, ""))
        interruption = self._rng.randrange(count + 1)
        for number in range(count):
            if number == interruption:
                self._interfere()
            self._send()
            if self._rng.random() < 0.1:
                self._read(1)
        self._read()

    def _send(self) -> None:
        """The next event, perhaps with a bad record, a repeat or a conflict beside it, or sent as a bad one first."""
        chance = self._rng.random()
        missing = self._rng.randrange(1, 1500) if self._rng.random() < 0.03 else 0
        if chance < 0.04:
            self._stream.send(Bad(self._rng.choice(CLASSES)), missing)
            if self._rng.random() < 0.5:
                self._waiting.rotate(-1)  # mended, and sent again at the very end
            return
        sent = self._waiting.popleft()
        self._stream.send(sent, missing)
        self._sent.append(sent)
        if chance < 0.10:
            self._stream.send(self._rng.choice(self._sent))
        elif chance < 0.13:
            first = self._rng.choice(self._sent)
            self._stream.send(replace(first, page=f"{first.page}?other"))

    def _read(self, count: int = 0) -> None:
        """Each group reads on, `count` records or as far as it comes today; of two, one may rest until the next run."""
        for group in self._stream.groups:
            readers = self._stream.readers(group)
            if group == self._resting and len(self._stream.groups) > 1:
                continue
            if count:
                self._stream.read(self._rng.choice(readers), self._rng.randrange(1, 30))
            elif self._rng.random() < 0.6:
                self._stream.read_all(readers)
            else:
                for reader in readers:
                    self._stream.read(reader, self._rng.randrange(1, 40))

    def _interfere(self) -> None:
        """What people and machines do beside sending and reading."""
        for chance, act in (
            (0.12, self._create_again),
            (0.2, self._take_over),
            (0.2, self._add_partition),
            (0.3, self._add_group),
            (0.25, self._skip),
            (0.8, self._leave_to_the_other),
            (0.2, self._rewind),
            (0.4, self._read_skipped),
        ):
            if self._rng.random() < chance:
                act()

    def _reader(self) -> Reader:
        return self._rng.choice(self._stream.readers(self._rng.choice(self._stream.groups)))

    def _take_over(self) -> None:
        self._stream.take_over(self._reader())

    def _add_partition(self) -> None:
        if len(self._stream.readers("g")) < MOST_PARTITIONS:
            self._stream.add_partition()

    def _add_group(self) -> None:
        if len(self._stream.groups) == 1:
            self._stream.groups.append("h")

    def _skip(self) -> None:
        reader = self._reader()
        self._skipped.append((reader, self._stream.skip(reader, self._rng.randrange(1, 40))))

    def _leave_to_the_other(self) -> None:
        """While one of two groups rests, the other is moved forward for good: the first one stores what it missed."""
        for group in self._stream.groups:
            if self._resting not in ("", group):
                reader = self._rng.choice(self._stream.readers(group))
                self._stream.skip(reader, self._rng.randrange(1, 40))

    def _rewind(self) -> None:
        reader = self._reader()
        self._stream.move(reader, self._rng.randrange(self._stream.position(reader).next_offset + 1))

    def _read_skipped(self) -> None:
        """The offset of a group that was moved forward is moved back, so that what was missed is read."""
        for reader, position in self._skipped:
            if self._stream.position(reader).topic_id == position.topic_id:
                self._stream.move(reader, position.next_offset)
        self._skipped.clear()

    def _create_again(self) -> None:
        lost = self._stream.unread()
        self._stream.create_again(self._rng.randrange(1, MOST_PARTITIONS))
        self._skipped.clear()
        for each in lost:  # whoever sent them sends them again
            self._stream.send(each)

    def _end(self) -> None:
        while self._waiting:
            self._send()
        if self._rng.random() < 0.7:
            self._read_skipped()
        for group in self._stream.groups:
            self._stream.read_all(self._stream.readers(group))
