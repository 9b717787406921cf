"""The rows of a file as records that will become events: what the mapping or the contract refuses is named, not sent.

Asks the contract's own decoder, so that a promise made before sending is the one the consumer keeps. Sends nothing.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse.weeks import Week
from pulse_local.importing import reading
from pulse_local.importing.converting import BadRow, Record, Row, converted
from pulse_local.importing.mapping import EventMapping
from pulse_local.output import say

SHOWN_BAD_ROWS = 10
_REPORT_EVERY_ROWS = 2_000
_RECORD_OVERHEAD_BYTES = 512
_DAY_MS = 86_400_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NO_TOPIC = bytes(16)  # the decoder asks for coordinates to derive an id from; an import's rows have theirs already

# Hears of the work: what is being done, how much of it is done, and how much there is.
Watch = Callable[[str, int, int], None]


class Tally:
    """What was read, and what of it cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._examples: list[BadRow] = []
        self.read = 0
        self.bad = 0

    def refuse(self, row: BadRow) -> None:
        self.bad += 1
        if len(self._examples) < SHOWN_BAD_ROWS:
            self._examples.append(row)

    def show_bad_rows(self) -> None:
        for row in self._examples:
            say(f"{self._file} {row.place}: {row.reason}")
        if self.bad > len(self._examples):
            say(f"... and {self.bad - len(self._examples):,} more bad rows")


class Checker:
    """Makes a row a record, or says why it is none."""

    def __init__(self, mapping: EventMapping, max_message_bytes: int) -> None:
        self._mapping = mapping
        self._limit = max_message_bytes
        self._decoder = EventDecoder()
        self._now_us = time.time_ns() // 1000

    def checked(self, row: Row) -> Record | BadRow:
        record = converted(row, self._mapping)
        if isinstance(record, BadRow):
            return record
        if len(record.value) + len(record.key) + _RECORD_OVERHEAD_BYTES > self._limit:
            return BadRow(record.place, f"is larger than the topic allows, {self._limit:,} bytes")
        try:
            self._decoder.decode(record.value, self._now_us, _NO_TOPIC, 0, 0)
        except Rejection as no:
            # received_at is the row's own time, set by the import: the person knows it as the timestamp.
            field = "timestamp" if no.field == "received_at" else no.field
            return BadRow(record.place, f"{field}: {no.reason}" if field else no.reason)
        return record


def weeks(file: Path, mapping: EventMapping, watch: Watch) -> set[Week]:
    """The weeks that the file's events belong to by their ids, good rows or not."""
    found: set[int] = set()
    with reading.opened(file, mapping) as source:
        for number, row in enumerate(source.rows(), 1):
            if number % _REPORT_EVERY_ROWS == 0:
                watch("looking", source.position, source.size)
            record = row if isinstance(row, BadRow) else converted(row, mapping)
            if isinstance(record, Record) and record.id_ms is not None:
                found.add(record.id_ms // _DAY_MS)
        watch("looking", source.size, source.size)
    return {Week.of(_EPOCH + dt.timedelta(days=day)) for day in found}


def records(file: Path, mapping: EventMapping, checker: Checker, tally: Tally, watch: Watch) -> Iterator[Record]:
    """The file's records; the tally hears of every row."""
    with reading.opened(file, mapping) as source:
        for row in source.rows():
            tally.read += 1
            if tally.read % _REPORT_EVERY_ROWS == 0:
                watch("reading", source.position, source.size)
            record = row if isinstance(row, BadRow) else checker.checked(row)
            if isinstance(record, BadRow):
                tally.refuse(record)
            else:
                yield record
        watch("reading", source.size, source.size)
