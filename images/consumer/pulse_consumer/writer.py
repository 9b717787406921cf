"""One batch, one transaction: events, conflicts, dead letters, the ledger and the offsets land together or not at all.

The writer holds one connection and belongs to one thread. It retries nothing; who calls it decides that.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import UUID

import psycopg
from psycopg.errors import LockNotAvailable

from pulse import VERSION
from pulse.adapters import postgres
from pulse.errors import DatabaseUnavailable, DatabaseWrong, Rejection
from pulse_consumer import failpoints, offsets, statements
from pulse_consumer.batch import Batch, Part
from pulse_consumer.deadletter import DeadLetter, ledger_headers
from pulse_consumer.dlq import LONGEST_SECONDS
from pulse_consumer.failpoints import Edge
from pulse_consumer.isolate import isolate
from pulse_consumer.offsets import Position, Source
from pulse_consumer.optimism import Optimism
from pulse_consumer.record import Record
from pulse_consumer.redrive import Origin
from pulse_consumer.rows import COLUMNS, stream

Row = tuple[bytes, Record]
Deliver = Callable[[Sequence[DeadLetter]], None]
Check = Callable[[], None]

_APPLICATION = "pulse-consumer"

# No owner whose process froze may hold its rows for ever. Inside a transaction, only the delivery of dead letters keeps
# the server waiting for longer than a moment.
_IDLE_SECONDS = LONGEST_SECONDS + 10

_CANCEL_SECONDS = 2.0  # for a server that is away

# The stage and the table meet by key: look the staged ids up, never scan the events of years. A plan is kept for many
# batches, so none may scan a partition because it was empty that day; and what sixty of them make it cost on paper is
# no reason to compile it.
_SESSION = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
    "lock_timeout": "20s",
}


@dataclass(slots=True)
class Counts:
    """What became of the records of one partition in one transaction."""

    inserted: int = 0
    duplicate: int = 0
    conflict: int = 0
    dead: int = 0

    @property
    def read(self) -> int:
        """All of them together."""
        return self.inserted + self.duplicate + self.conflict + self.dead


@dataclass(slots=True)
class Written:
    """A committed batch: what became of its records, the dead letters it had, and where each partition stands.

    `copied` says that its events were all new and were copied straight into the table.
    """

    counts: dict[int, Counts]
    dead: list[DeadLetter]
    copied: bool = False
    next_offsets: dict[int, int] = field(default_factory=dict)

    def refused_again(self) -> list[DeadLetter]:
        """The dead letters whose record had been sent again by `pulse dlq replay`."""
        return [letter for letter in self.dead if letter.origin is not None]

    def blamed(self) -> list[DeadLetter]:
        """The dead letters that are the fault of whoever produces now: not refused by the collector, nor sent again."""
        return [one for one in self.dead if one.origin is None and one.code != "rejected_by_collector"]

    def total(self) -> Counts:
        """The counts of all partitions together."""
        each = self.counts.values()
        return Counts(
            sum(one.inserted for one in each),
            sum(one.duplicate for one in each),
            sum(one.conflict for one in each),
            sum(one.dead for one in each),
        )


class Writer:
    """Writes batches of one source.

    `deliver` puts dead letters on the DLQ topic and awaits their acknowledgement. `check_topic` raises Fenced if what
    was read may come from another topic of the same name.
    """

    def __init__(self, dsn: str, source: Source, deliver: Deliver, check_topic: Check) -> None:
        self._dsn = dsn
        self._source = source
        self._deliver = deliver
        self._check_topic = check_topic
        self._connection: psycopg.Connection[Any] | None = None
        self._staged = False
        self._nothing_new = False
        self._optimism = Optimism()
        self._locked_out = False

    def connection(self) -> psycopg.Connection[Any]:
        """The connection, made and checked first if there is none; DatabaseUnavailable or DatabaseWrong."""
        if self._connection is None or self._connection.closed:
            connection = postgres.connect(self._dsn, _APPLICATION, **_SESSION)
            try:
                if self._locked_out:
                    connection.execute(statements.END_FROZEN, (_APPLICATION, _IDLE_SECONDS))
                _check_table(connection)
                connection.execute(statements.CREATE_STAGE)
                connection.commit()
            except psycopg.Error as failed:
                connection.close()
                raise postgres.translated(failed, "Looking at raw.events") from failed
            except DatabaseWrong:
                connection.close()
                raise
            self._connection, self._locked_out = connection, False
        return self._connection

    def close(self) -> None:
        """Ends the connection; an open transaction is rolled back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _give_up(self, cause: BaseException | None) -> None:
        self.close()
        self._locked_out = isinstance(cause, LockNotAvailable)

    def break_off(self) -> None:
        """From another thread: the statement that is under way fails, and the connection with it."""
        connection = self._connection
        if connection is None:
            return
        # Either fails if the attempt ended meanwhile; the server is asked first, as it may be away.
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=_CANCEL_SECONDS)
        with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def write(self, batch: Batch) -> Written:
        """Writes the batch and commits. On any error nothing of it is stored, and the connection is given up.

        Raises DatabaseUnavailable, DatabaseWrong, KafkaUnavailable (the topic's id, the DLQ) or Fenced.
        """
        self._check_topic()
        try:
            connection = self.connection()
            with connection.transaction(), connection.cursor() as cursor:
                written = self._write(connection, cursor, batch)
                failpoints.passed(Edge.ACCOUNTED)
        except psycopg.Error as failed:
            self._give_up(failed)
            error = postgres.translated(failed, "Writing a batch")
            # Outside of the rows, nothing that a record says can be at fault.
            raise DatabaseWrong(str(error)) if isinstance(error, Rejection) else error from failed
        except BaseException as failed:
            self._give_up(failed.__cause__)
            raise
        failpoints.passed(Edge.COMMITTED)
        return written

    def confirm(self, held: Mapping[int, Position]) -> None:
        """Fenced if a partition is no longer ours.

        Raises DatabaseUnavailable, DatabaseWrong or KafkaUnavailable if that cannot be told.
        """
        self._check_topic()
        try:
            connection = self.connection()
            with postgres.translating("Looking at the stored offsets"), connection.transaction():
                offsets.confirm(connection, self._source, held)
        except BaseException:
            self.close()
            raise

    def _write(self, connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], batch: Batch) -> Written:
        dead = [letter for part in batch.parts.values() for letter in part.dead]
        written = Written({partition: Counts() for partition in batch.parts}, dead)
        written.copied = self._copied(connection, cursor, batch, written)
        if not written.copied:
            self._merge(connection, cursor, batch, written)
        failpoints.passed(Edge.INSERTED)
        for letter in written.dead:
            written.counts[letter.record.partition].dead += 1
        self._bury(cursor, written.dead)
        self._account(cursor, batch, written)
        return written

    def _copied(
        self, connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], batch: Batch, written: Written
    ) -> bool:
        """Copies the events straight into the table if they are likely to be new. False if they have to be merged."""
        parts = {partition: part for partition, part in batch.parts.items() if part.rows}
        if not parts or not self._optimism.hopeful():
            return False
        try:
            with connection.transaction():
                _copy(cursor, statements.COPY_EVENTS, chain.from_iterable(part.rows for part in parts.values()))
        except psycopg.Error as failed:
            error = postgres.translated(failed, "Copying events")
            if not isinstance(failed, psycopg.errors.UniqueViolation) and not isinstance(error, Rejection):
                raise error from failed
            self._optimism.disappointed()
            return False
        self._optimism.copied()
        self._optimism.stored(all_new=True)
        for partition, part in parts.items():
            written.counts[partition].inserted = len(part.rows)
        return True

    def _merge(
        self, connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], batch: Batch, written: Written
    ) -> None:
        """Stores the events by way of the stage, which tells new ones, repeats, conflicts and bad data apart."""
        rows: list[Row] = [row for part in batch.parts.values() for row in zip(part.rows, part.records, strict=True)]
        self._staged = False
        chunks, refused = isolate(rows, lambda chunk: self._store(connection, cursor, chunk))
        for chunk in chunks:
            for partition, counts in chunk.items():
                held = written.counts[partition]
                held.inserted += counts.inserted
                held.duplicate += counts.duplicate
                held.conflict += counts.conflict
        written.dead += [DeadLetter.of(record, why) for (_, record), why in refused]
        if rows:
            self._optimism.stored(all_new=written.total().inserted == len(rows))

    def _store(
        self, connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], rows: Sequence[Row]
    ) -> dict[int, Counts]:
        """Stores the rows inside a savepoint, all or none; Rejection if one of them is bad data."""
        with postgres.translating("Storing events"), connection.transaction():
            if self._staged:
                cursor.execute(statements.EMPTY_STAGE)
            self._staged = True
            _copy(cursor, statements.COPY_STAGE, (row for row, _ in rows))
            if self._nothing_new:
                # While a log is read again, to look the events up is all there is to do. Only for repeats: what has
                # other content than the stored event may be a conflict, or something that the table refuses.
                counts = _classified(cursor, rows)
                if not any(each.inserted or each.conflict for each in counts.values()):
                    return counts
            cursor.execute(statements.INSERT)
            inserted = cursor.rowcount
            self._nothing_new = inserted == 0
            counts = _classified(cursor, rows) if inserted < len(rows) else _new(rows)
            confirmed = sum(each.inserted for each in counts.values())
            if confirmed != inserted:
                raise DatabaseUnavailable(
                    f"{inserted} of {len(rows)} rows were new by the insert and {confirmed} by the stored rows: "
                    "somebody deletes events meanwhile. The batch is written again."
                )
            return counts

    def _bury(self, cursor: psycopg.Cursor[Any], letters: Sequence[DeadLetter]) -> None:
        """Delivers the copies first: once the offsets are committed, nothing would send them again."""
        if not letters:
            return
        self._deliver(letters)
        failpoints.passed(Edge.BURIED)
        topic_id = UUID(bytes=self._source.topic_id)
        cursor.executemany(
            statements.DEAD_LETTER,
            [
                (
                    topic_id,
                    letter.record.partition,
                    letter.record.offset,
                    self._source.topic,
                    letter.record.kafka_us,
                    letter.record.key,
                    letter.record.value,
                    ledger_headers(letter.record),
                    letter.record.trusted,
                    letter.code,
                    letter.reason.replace("\0", "\ufffd"),
                    letter.field.replace("\0", "\ufffd") or None,
                    letter.sqlstate,
                    self._source.group,
                    VERSION,
                    letter.attempt,
                    *_origin_columns(letter.origin),
                )
                for letter in letters
            ],
        )

    def _account(self, cursor: psycopg.Cursor[Any], batch: Batch, written: Written) -> None:
        moves = {partition: (part.epoch, part.first, part.next) for partition, part in batch.parts.items()}
        cursor.executemany(
            statements.BATCH,
            [self._ledger_row(partition, part, written.counts[partition]) for partition, part in batch.parts.items()],
        )
        offsets.advance(cursor, self._source, moves)
        written.next_offsets = {partition: part.next for partition, part in batch.parts.items()}

    def _ledger_row(self, partition: int, part: Part, counts: Counts) -> tuple[Any, ...]:
        return (
            self._source.group,
            UUID(bytes=self._source.topic_id),
            partition,
            part.epoch,
            part.first,
            part.next,
            part.read,
            counts.inserted,
            counts.duplicate,
            counts.conflict,
            counts.dead,
            part.skipped,
        )


def _origin_columns(origin: Origin | None) -> tuple[Any, ...]:
    if origin is None:
        return (None,) * 5
    return (UUID(bytes=origin.topic_id), origin.partition, origin.offset, origin.kafka_us, origin.trusted)


def _copy(cursor: psycopg.Cursor[Any], statement: str, rows: Iterable[bytes]) -> None:
    with cursor.copy(statement) as copy:
        copy.write(stream(rows))
    failpoints.passed(Edge.COPIED)


def _new(rows: Sequence[Row]) -> dict[int, Counts]:
    """The rows by partition, each of them as a new event."""
    per_partition = Counter(record.partition for _, record in rows)
    return {partition: Counts(inserted=count) for partition, count in per_partition.items()}


def _classified(cursor: psycopg.Cursor[Any], rows: Sequence[Row]) -> dict[int, Counts]:
    """The staged rows by partition: repeats and conflicts are those whose event is in the table, the rest is new."""
    counts = _new(rows)
    cursor.execute(statements.CLASSIFY)
    for partition, duplicate, conflict in cursor.fetchall():
        held = counts[partition]
        held.inserted -= duplicate + conflict
        held.duplicate, held.conflict = duplicate, conflict
    return counts


def _check_table(connection: psycopg.Connection[Any]) -> None:
    """Binary COPY casts nothing: a column of another type would take every event for bad data."""
    names = ", ".join(name for name, _ in COLUMNS)
    description = connection.execute(f"select {names} from raw.events limit 0").description or []  # noqa: S608 - constants
    found = [(column.name, column.type_code) for column in description]
    wrong = [f"{name} (type oid {oid})" for name, oid in found if (name, oid) not in COLUMNS]
    if wrong:
        raise DatabaseWrong(
            f"raw.events has columns of other types than this version writes: {', '.join(wrong)}. Run `pulse migrate`."
        )
