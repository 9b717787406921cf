"""Back-dated history, hour by hour, in the order in which it arrived.

A visit's events may arrive hours after the hour in which it began (late ones, repeats, visits over midnight), so
records wait in the hour of their sending. No more than these is held, however long the history is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from random import Random

from pulse_simulator import faults, model, rate
from pulse_simulator.faults import Shares
from pulse_simulator.model import DAY_MS, HOUR_MS
from pulse_simulator.records import Record, Scribe, Visit

LONGEST_REPEAT_MS = 12 * HOUR_MS
# One visit of more than a day begins in one hour out of so many.
MARATHON_HOURS = 96
_SEND = itemgetter(0)


class History:
    """`days` of visits up to `end_ms`; nothing in it happens or arrives later than that."""

    def __init__(self, scribe: Scribe, shares: Shares, seed: int, users: int, days: int, end_ms: int) -> None:
        self._scribe = scribe
        self._shares = shares
        self._seed = seed
        self._users = users
        self._end = end_ms
        self._start = end_ms - days * DAY_MS
        self.hours = days * 24
        self._waiting: defaultdict[int, list[Record]] = defaultdict(list)
        self._gaps = model.thinking(self._random("thinking"))

    def _random(self, purpose: str) -> Random:
        return Random(f"{self._seed}:{purpose}")  # noqa: S311 - a simulation, not a secret

    def __iter__(self) -> Iterator[list[Record]]:
        """The records of one hour after the other, then whatever is sent after the end. `hours` + 1 lists."""
        for hour in range(self.hours):
            start = self._start + hour * HOUR_MS
            rng = self._random(str(start))
            for _ in range(rate.visits(rng, self._users, start)):
                self._visit(rng, start + int(HOUR_MS * rng.random()))
            if start // HOUR_MS % MARATHON_HOURS == 0:
                self._marathon(rng, start)
            yield sorted(self._waiting.pop(hour, []), key=_SEND)
        rest = [record for hour in sorted(self._waiting) for record in self._waiting[hour]]
        self._waiting.clear()
        yield sorted(rest, key=_SEND)

    def _visit(self, rng: Random, at: int) -> None:
        moments = model.visit(rng, self._scribe.shop)
        visit = self._scribe.visit(rng, moments)
        gaps = self._gaps
        for moment in moments:
            if at > self._end:
                break
            self._write(rng, visit, moment, at)
            at += gaps[rng.getrandbits(12)]

    def _marathon(self, rng: Random, start: int) -> None:
        timed = model.marathon(rng, self._scribe.shop)
        visit = self._scribe.visit(rng, [moment for _, moment in timed])
        for after, moment in timed:
            if start + after > self._end:
                break
            self._write(rng, visit, moment, start + after)

    def _write(self, rng: Random, visit: Visit, moment: model.Moment, at: int) -> None:
        shares = self._shares
        late = rng.random() < shares.late
        arrival = at + (faults.late_delay_ms(rng) if late else faults.punctual_delay_ms(rng))
        if arrival > self._end:
            return  # it happened, but has not arrived by the end
        send = arrival + (faults.disorder_ms(rng) if rng.random() < shares.disorder else 0)
        record = self._scribe.event(rng, visit, moment, send, at, arrival, True)
        self._waiting[(send - self._start) // HOUR_MS].append(record)
        for extra in self._scribe.extras(rng, record, visit, LONGEST_REPEAT_MS):
            self._waiting[(extra[0] - self._start) // HOUR_MS].append(extra)
