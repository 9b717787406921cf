"""Asks Postgres what the cards show: read-only, with a limit of time, all of a page as of one moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import msgspec
import psycopg
from structlog.stdlib import BoundLogger

from pulse.adapters.postgres import connect, translated
from pulse.errors import DatabaseUnavailable, PulseError
from pulse.settings import DashboardSettings
from pulse_dashboards import template
from pulse_dashboards.model import Card, Catalogue
from pulse_dashboards.template import Value

APPLICATION = "pulse-dashboard"
MOST_ROWS = 5_000
# All cards of a page together may take so many times what one may.
PAGE_FACTOR = 2
# How long a request waits for one of the connections.
QUEUE_SECONDS = 10.0

_LIMITS = """
select set_config(name, %(milliseconds)s, true) from unnest(array['statement_timeout', 'lock_timeout']) as name
"""

Connection = psycopg.Connection[Any]
Rows = Sequence[tuple[Any, ...]]


class Problem(msgspec.Struct, frozen=True):
    """What failed, and what a person can do about it."""

    message: str
    hint: str


class Table(msgspec.Struct, frozen=True):
    """What a card shows, or why it shows nothing."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    problem: Problem | None = None


class Choices(msgspec.Struct, frozen=True):
    """What there is to choose from, and the days that the marts know."""

    first_day: date | None
    last_day: date | None
    options: Mapping[str, tuple[str, ...]]


class Busy(DatabaseUnavailable):
    """All connections are at work for other people."""


class Warehouse:
    """The database, for as many readers at a time as the settings allow."""

    def __init__(self, settings: DashboardSettings, log: BoundLogger) -> None:
        self._dsn = settings.database.dsn
        self._seconds = settings.statement_timeout.total_seconds()
        self._slots = threading.BoundedSemaphore(settings.connections)
        self._log = log

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which everything is of one moment. DatabaseUnavailable or DatabaseWrong if there is none."""
        if not self._slots.acquire(timeout=QUEUE_SECONDS):
            raise Busy("Asking Postgres: all connections of the page are at work, PULSE_DASHBOARD_CONNECTIONS of them.")
        try:
            with connect(self._dsn, APPLICATION) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                self._limit(connection)
                yield connection
        finally:
            self._slots.release()

    def _limit(self, connection: Connection) -> None:
        """Begins the one transaction, with its limits of time.

        Said in it and not on connecting: a pooler between the page and Postgres refuses that.
        """
        try:
            connection.execute(_LIMITS, {"milliseconds": str(round(self._seconds * 1000))})
        except psycopg.Error as failed:
            raise translated(failed, "Asking Postgres") from failed

    def tables(self, cards: Sequence[Card], values: Mapping[str, Value]) -> dict[str, Table]:
        """What every card shows. A card that fails says so itself; a database that is gone is raised.

        Cards with the same statement are asked for once.
        """
        deadline = time.monotonic() + PAGE_FACTOR * self._seconds
        answers: dict[str, Table] = {}
        with self.reading() as connection:
            for card in cards:
                if card.sql not in answers:
                    answers[card.sql] = self._table(connection, card, values, deadline)
        return {card.key: answers[card.sql] for card in cards}

    def choices(self, catalogue: Catalogue) -> Choices:
        """The values that filters can take. DatabaseUnavailable or DatabaseWrong if they cannot be read."""
        with self.reading() as connection:
            days = asked(connection, catalogue.bounds)
            options = {
                name: tuple(str(row[0]) for row in asked(connection, offered.options) if row[0] is not None)
                for name, offered in catalogue.filters.items()
                if offered.options
            }
            first, last = days[0] if days else (None, None)
            return Choices(first, last, options)

    def _table(self, connection: Connection, card: Card, values: Mapping[str, Value], deadline: float) -> Table:
        if time.monotonic() > deadline:
            return Table(problem=Problem("Not asked: the other cards took too long.", _NARROWER))
        text, used = template.bound(card.sql, values)
        try:
            with connection.transaction():
                cursor = connection.execute(text.encode(), used)
                columns = tuple(column.name for column in cursor.description or ())
                rows = cursor.fetchmany(MOST_ROWS + 1)
        except psycopg.Error as failed:
            if connection.closed or connection.broken:
                raise translated(failed, "Asking Postgres") from failed
            problem = told(failed, self._seconds)
            self._log.warning("card_failed", card=card.key, problem=problem.message, sqlstate=failed.sqlstate)
            return Table(columns=(), problem=problem)
        if len(rows) > MOST_ROWS:
            return Table(columns, problem=Problem(f"More than {MOST_ROWS:,} rows, which no chart shows.", _NARROWER))
        return Table(columns, tuple(rows))


def asked(connection: Connection, statement: str, values: Mapping[str, Any] | None = None) -> Rows:
    """The rows of a statement of Pulse's own; an error of Pulse's tree if it fails."""
    try:
        with connection.transaction():
            return connection.execute(statement.encode(), values).fetchall()
    except psycopg.Error as failed:
        raise translated(failed, "Asking Postgres") from failed


_NARROWER = "Choose a shorter range of days, or set PULSE_DASHBOARD_STATEMENT_TIMEOUT higher."


def told(failed: psycopg.Error, seconds: float) -> Problem:
    """A failed statement in words for whoever looks at the page."""
    match failed:
        case psycopg.errors.QueryCanceled() | psycopg.errors.LockNotAvailable():
            return Problem(f"Postgres did not answer within {seconds:g} s.", _NARROWER)
        case psycopg.errors.UndefinedTable() | psycopg.errors.InvalidSchemaName() | psycopg.errors.UndefinedColumn():
            return Problem(
                "The table that this card reads is not there yet, or is of another version.",
                "`pulse migrate` and then `pulse transform` make it; on a cluster `kubectl pulse status` says why they "
                "have not run.",
            )
        case psycopg.errors.InsufficientPrivilege():
            return Problem(
                f"The page's database user may not read this: {failed.diag.message_primary}.",
                "Let it connect as the reader, or run `pulse migrate`, which grants the reader's rights again.",
            )
    return Problem(
        f"Postgres refused the statement: {failed.diag.message_primary or failed}.",
        "The log of the dashboard names the card; a newer version of Pulse may have mended it.",
    )


def away(failed: PulseError) -> Problem:
    """A database that cannot be asked at all, in words for whoever looks at the page."""
    if isinstance(failed, Busy):
        return Problem("Too many people ask at once.", "The page asks again by itself.")
    if isinstance(failed, DatabaseUnavailable):
        return Problem(
            "The database does not answer, so what you see is not new.",
            "The page asks again by itself. If this lasts: `pulse status` on this machine, `kubectl pulse status` on a "
            "cluster say what is wrong.",
        )
    return Problem(
        "The database does not let the page in, or is not as it should be.",
        "Mend PULSE_DATABASE_DSN, the reader's password, or run `pulse migrate`; the log of the dashboard says more.",
    )
