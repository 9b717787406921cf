"""The steps of a run: each a short transaction of its own, tried again while somebody else is in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from structlog.stdlib import BoundLogger

from pulse import locks
from pulse.adapters import postgres
from pulse.errors import DatabaseUnavailable, Stop

# Whoever writes or reads waits behind a step that wants a lock no longer than this.
LOCK_TIMEOUT = "2s"
_ATTEMPTS = 120
_PAUSE_SECONDS = 5.0

Connection = psycopg.Connection[Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Steps:
    """Does one step after the other on a connection. `pause` waits so many seconds."""

    connection: Connection
    log: BoundLogger
    pause: Callable[[float], None] = time.sleep

    def step(self, doing: str, work: Callable[[Connection], T]) -> T:
        """The answer of `work`, done in one transaction.

        A lock that is not to be had within LOCK_TIMEOUT is asked for again, _ATTEMPTS times in all; then
        DatabaseUnavailable. Nothing of a step that failed stays.
        """
        for left in reversed(range(_ATTEMPTS)):
            try:
                with postgres.translating(doing), self.connection.transaction():
                    return work(self.connection)
            except DatabaseUnavailable as failed:
                if left == 0 or self.connection.closed:
                    raise
                self.log.warning(
                    "maintenance_waited", problem=str(failed), retry_in_seconds=_PAUSE_SECONDS, attempts_left=left
                )
                self.pause(_PAUSE_SECONDS)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def removing(self, doing: str, work: Callable[[Connection], T]) -> T:
        """The same for a step that takes rows away, which it does at no time while a transformation reads them."""

        def alone(connection: Connection) -> T:
            row = connection.execute("select pg_try_advisory_xact_lock(%s)", (locks.READING,)).fetchone()
            if row is None or not row[0]:
                raise DatabaseUnavailable(f"{doing}: a transformation is reading the events; it is waited for.")
            return work(connection)

        return self.step(doing, alone)


@contextmanager
def alone(dsn: str) -> Iterator[Connection]:
    """A connection that holds the lock of `pulse maintain`; Stop if another run has it.

    The lock is the session's: the server frees it whenever this process or its connection is gone.
    """
    connection = postgres.connect(dsn, "pulse-maintain", lock_timeout=LOCK_TIMEOUT, timezone="UTC")
    try:
        with postgres.translating("Taking the lock of pulse maintain"):
            row = connection.execute("select pg_try_advisory_lock(%s)", (locks.MAINTAINING,)).fetchone()
            connection.commit()
        if row is None or not row[0]:
            raise Stop(
                "Another `pulse maintain` is at work on this database: wait for its end, then run this one again."
            )
        yield connection
        with postgres.translating("Giving the lock of pulse maintain back"):
            connection.execute("select pg_advisory_unlock(%s)", (locks.MAINTAINING,))
            connection.commit()
    finally:
        connection.close()
