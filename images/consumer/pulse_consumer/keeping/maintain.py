"""One run of `pulse maintain`: partitions that are missing, what is past the retention, the old part of the ledger.

A run that ends half-way has lost nothing, and the next one goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from structlog.stdlib import BoundLogger

from pulse.weeks import Week, is_expired, wanted
from pulse_consumer.keeping import ledger, letters, partitions, retention
from pulse_consumer.keeping.retention import Dropped, Held
from pulse_consumer.keeping.steps import Connection, Steps, alone


@dataclass(slots=True)
class Done:
    """What a run did, or with `dry_run` would do."""

    made: list[Week] = field(default_factory=list)
    dropped: list[Week] = field(default_factory=list)
    held: list[Week] = field(default_factory=list)
    moved: int = 0
    expired: int = 0
    compacted: int = 0
    kept_from: datetime | None = None
    letters: int = 0
    open_letters: int = 0
    conflicts: int = 0


def maintain(
    dsn: str,
    length: timedelta | None,
    log: BoundLogger,
    *,
    letter_length: timedelta | None = None,
    since: datetime | None = None,
    also: Sequence[datetime] = (),
    dry_run: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> Done:
    """Makes the partitions that are missing, ends what is older than `length` (None: nothing), compacts the ledger.

    Dead letters and conflicts end after `letter_length`; None: like the events. Partitions reach from `since` or the
    retention's start, without either from this week, to a week ahead; the weeks of `also` have one too, unless they are
    past the retention. The clock is the server's. Raises Stop if another run is at work, DatabaseUnavailable if a lock
    was never to be had, DatabaseWrong if the database is not migrated or this user does not own the tables.
    """
    with alone(dsn) as connection:
        steps = Steps(connection, log, pause)
        now = steps.step("Asking for the time", _now)
        kept_from = retention.kept_from(now, length) if length else None
        run = _Run(steps, log, dry_run, Done(kept_from=kept_from))
        begins = max(since, kept_from) if since and kept_from else since or kept_from
        asked = (week for week in map(Week.of, also) if kept_from is None or not is_expired(week, kept_from))
        run.make(sorted({*wanted(now, begins), *asked}))
        if kept_from is not None:
            run.end(kept_from)
        letters_from = retention.kept_from(now, letter_length) if letter_length else kept_from
        if letters_from is not None:
            run.end_letters(letters_from)
        if not dry_run:
            run.compact(now)
            # The server analyses partitions by itself, and never the table as a whole.
            steps.step("Analysing raw.events", lambda connection: connection.execute("analyze raw.events"))
        return run.done


@dataclass(slots=True)
class _Run:
    steps: Steps
    log: BoundLogger
    dry_run: bool
    done: Done

    def make(self, weeks: list[Week]) -> None:
        there = self._existing()
        for week in weeks:
            if week not in there:
                moved = 0 if self.dry_run else self.steps.step(f"Making {week.table}", _making(week))
                self.done.made.append(week)
                self.done.moved += moved
                self.log.info("partition_made", partition=week.table, moved=moved, dry_run=self.dry_run)

    def end(self, kept_from: datetime) -> None:
        if not self.dry_run:
            self.steps.step("Writing ops.retention", lambda connection: retention.note(connection, kept_from))
        for week in self._existing():
            if is_expired(week, kept_from):
                self._end(week, kept_from)
        self._expire(kept_from)

    def end_letters(self, kept_from: datetime) -> None:
        """Removes dead letters and conflicts that are past their retention; open letters loudly."""
        if self.dry_run:
            found = self.steps.step("Counting dead letters", lambda one: letters.count_expired(one, kept_from))
            self.done.conflicts = self.steps.step(
                "Counting conflicts", lambda one: letters.count_expired_conflicts(one, kept_from)
            )
        else:
            self.steps.step("Writing ops.dead_letter_retention", lambda one: letters.note(one, kept_from))
            found = self._expire_letters(kept_from)
            self._expire_conflicts(kept_from)
        self.done.letters, self.done.open_letters = found.letters, found.open.total()
        if found.open:
            self.log.warning(
                "open_dead_letters_expired",
                removed=found.open.total(),
                classes=dict(found.open),
                kept_from=kept_from.isoformat(),
                dry_run=self.dry_run,
            )

    def compact(self, now: datetime) -> None:
        """Makes fewer rows of the old part of the ledger."""
        for place in self.steps.step("Looking at the ledger", ledger.places):
            group, _, partition = place
            removed = self.steps.step(f"Compacting partition {partition}", _compacting(place, now))
            self.done.compacted += removed
            if removed:
                self.log.info("ledger_compacted", group=group, partition=partition, removed=removed)

    def _end(self, week: Week, kept_from: datetime) -> None:
        if self.dry_run:
            verdict = self.steps.step(f"Looking at {week.table}", lambda one: retention.judge(one, week, kept_from))
            ended = Dropped(verdict) if isinstance(verdict, int) else verdict
        else:
            ended = self.steps.removing(f"Dropping {week.table}", lambda one: retention.end(one, week, kept_from))
        if isinstance(ended, Held):
            self.done.held.append(week)
            self.log.warning("partition_held", partition=week.table, reason=ended.value)
        else:
            self.done.dropped.append(week)
            self.log.info("partition_dropped", partition=week.table, moved=ended.moved, dry_run=self.dry_run)

    def _expire(self, kept_from: datetime) -> None:
        if self.dry_run:
            self.done.expired = self.steps.step(
                "Counting in events_default", lambda connection: retention.count_expired(connection, kept_from)
            )
            return
        removed = retention.ROWS_A_DELETE
        while removed == retention.ROWS_A_DELETE:
            removed = self.steps.removing(
                "Expiring in events_default", lambda connection: retention.expire(connection, kept_from)
            )
            self.done.expired += removed
            if removed:
                self.log.info("events_expired", removed=removed, so_far=self.done.expired)

    def _expire_letters(self, kept_from: datetime) -> letters.Expired:
        found = letters.Expired()
        while True:
            removed = self.steps.removing("Expiring dead letters", lambda one: letters.expire(one, kept_from))
            if removed is None:
                self.log.warning(
                    "dead_letters_held", reason="`pulse dlq` is at work on them; the next run looks again."
                )
                return found
            found.add(removed)
            if removed.letters < letters.ROWS_A_DELETE:
                return found

    def _expire_conflicts(self, kept_from: datetime) -> None:
        removed = letters.ROWS_A_DELETE
        while removed == letters.ROWS_A_DELETE:
            removed = self.steps.removing("Expiring conflicts", lambda one: letters.expire_conflicts(one, kept_from))
            self.done.conflicts += removed

    def _existing(self) -> list[Week]:
        return self.steps.step("Looking at the partitions", partitions.existing)


def _now(connection: Connection) -> datetime:
    return cast(datetime, connection.execute("select now()").fetchone()[0])  # type: ignore[index] # one row, always


def _making(week: Week) -> Callable[[Connection], int]:
    return lambda connection: partitions.create(connection, week)


def _compacting(place: ledger.Place, now: datetime) -> Callable[[Connection], int]:
    return lambda connection: ledger.compact(connection, place, now)
