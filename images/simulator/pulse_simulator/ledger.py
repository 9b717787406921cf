"""What was handed to Kafka, kept in a few bytes an event for the truth that is told at the end.

It is fed with what the model knows of each record, never with the bytes that were sent.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from pulse_simulator.model import DAY_MS, MINUTE_MS
from pulse_simulator.records import MALFORMED, REPEATED, Record

LATE_AFTER_MS = 5 * MINUTE_MS

# When, order among events of one millisecond, number of the moment.
Entry = tuple[int, int, int]


class Ledger:
    """Counts of records, and every distinct event by its user."""

    def __init__(self) -> None:
        self.repeated = 0
        self.malformed = 0
        self.arrived: dict[int, int] = {}  # day of arrival since 1970 -> events
        self.arrived_late: dict[int, int] = {}
        self._last: dict[int, int] = {}  # user -> place of its newest entry
        self._at = array("q")
        self._order = array("Q")
        self._moment = array("i")
        self._before = array("q")  # place of the same user's entry before this one, -1 for none

    @property
    def events(self) -> int:
        return len(self._at)

    @property
    def records(self) -> int:
        return self.events + self.repeated + self.malformed

    @property
    def late(self) -> int:
        return sum(self.arrived_late.values())

    def add(self, records: Iterable[Record]) -> None:
        """Takes note of records that were handed to Kafka."""
        at, order, moments, before = self._at, self._order, self._moment, self._before
        last, arrived, late = self._last, self.arrived, self.arrived_late
        for _, _, _, what, user, happened, bits, arrival in records:
            if what == REPEATED:
                self.repeated += 1
            elif what == MALFORMED:
                self.malformed += 1
            else:
                before.append(last.get(user, -1))
                last[user] = len(at)
                at.append(happened)
                order.append(bits)
                moments.append(what)
                day = arrival // DAY_MS
                arrived[day] = arrived.get(day, 0) + 1
                if arrival - happened > LATE_AFTER_MS:
                    late[day] = late.get(day, 0) + 1

    def span_ms(self) -> tuple[int, int]:
        """The times of the earliest and the latest event; there must be one."""
        return min(self._at), max(self._at)

    def users(self) -> Iterator[tuple[int, list[Entry]]]:
        """Each user, by number, with its entries in order of time."""
        for user in sorted(self._last):
            place = self._last[user]
            entries = []
            while place >= 0:
                entries.append((self._at[place], self._order[place], self._moment[place]))
                place = self._before[place]
            entries.sort()
            yield user, entries
