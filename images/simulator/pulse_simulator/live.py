"""Visits that happen now: given the time and how many events are due, the records to send.

Reads no clock and waits for nothing; whoever calls it does both.
"""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random

from pulse_simulator import faults, model
from pulse_simulator.faults import Shares
from pulse_simulator.model import MINUTE_MS
from pulse_simulator.records import Record, Scribe, Visit

LONGEST_REPEAT_MS = MINUTE_MS
# At the asked rate a visitor acts about twice a minute, so this many are in the shop at once for each event a second.
VISITORS_PER_RATE = 25


class Live:
    """The visitors who are in the shop at the same time."""

    def __init__(self, scribe: Scribe, shares: Shares, seed: int, users: int, rate: float) -> None:
        self._scribe = scribe
        self._shares = shares
        self._rng = Random(f"{seed}:live")  # noqa: S311 - a simulation, not a secret
        present = min(users, max(1, round(rate * VISITORS_PER_RATE)), 100_000)
        self._present = [self._arrives() for _ in range(present)]
        self._repeats: list[tuple[int, int, Record]] = []
        self._repeated = 0

    def _arrives(self) -> Visit:
        return self._scribe.visit(self._rng, model.visit(self._rng, self._scribe.shop))

    def records(self, now_ms: int, count: int) -> list[Record]:
        """`count` new events as of now, the malformed among them, and the repeats that are due."""
        out: list[Record] = []
        for _ in range(count):
            self._act(now_ms, out)
        while self._repeats and self._repeats[0][0] <= now_ms:
            out.append(heappop(self._repeats)[2])
        return out

    def remaining_repeats(self) -> list[Record]:
        """The repeats that are not due yet, for the end."""
        return [heappop(self._repeats)[2] for _ in range(len(self._repeats))]

    def _act(self, now_ms: int, out: list[Record]) -> None:
        rng = self._rng
        place = int(rng.random() * len(self._present))
        visit = self._present[place]
        moment = visit.moments[visit.next]
        visit.next += 1
        if visit.next == len(visit.moments):
            self._present[place] = self._arrives()
        at = now_ms
        if rng.random() < self._shares.late:
            at -= faults.late_delay_ms(rng)
        elif rng.random() < self._shares.disorder:
            at -= faults.disorder_ms(rng)
        record = self._scribe.event(rng, visit, moment, now_ms, at, now_ms, False)
        out.append(record)
        for extra in self._scribe.extras(rng, record, visit, LONGEST_REPEAT_MS):
            if extra[0] > now_ms:
                self._repeated += 1
                heappush(self._repeats, (extra[0], self._repeated, extra))
            else:
                out.append(extra)
