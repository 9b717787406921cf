"""Postgres connections, and the translation of psycopg's errors into Pulse's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pulse.errors import DatabaseClosed, DatabaseUnavailable, DatabaseWrong, PulseError, Rejection, Verdict
from pulse.sqlstate import TAKES_NO_WRITES, verdict_of

CONNECT_TIMEOUT_SECONDS = 5


def connect(dsn: str, application: str, **options: str) -> psycopg.Connection[Any]:
    """A connection, not in autocommit. `options` are server settings for the session, such as lock_timeout="5s".

    Raises DatabaseUnavailable or DatabaseWrong.
    """
    extra: dict[str, Any] = {}
    if options:
        extra["options"] = " ".join(f"-c {name}={value}" for name, value in options.items())
    try:
        return psycopg.connect(
            dsn,
            application_name=application,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            **extra,
        )
    except psycopg.Error as failed:
        raise translated(failed, "Connecting to Postgres") from failed


def translated(failed: psycopg.Error, doing: str) -> PulseError:
    """The error of Pulse's tree that `failed` stands for."""
    text = " ".join(str(failed).split())
    verdict = _verdict(failed, text)
    message = f"{doing}: {text}" + (f" (SQLSTATE {failed.sqlstate})" if failed.sqlstate else "")
    if verdict is Verdict.RETRY:
        return DatabaseUnavailable(message)
    if verdict is Verdict.REJECT:
        return Rejection("database_refused", _reason(failed, text), failed.diag.column_name or "", failed.sqlstate)
    return DatabaseClosed(message) if failed.sqlstate in TAKES_NO_WRITES else DatabaseWrong(message)


def _verdict(failed: psycopg.Error, text: str) -> Verdict:
    if failed.sqlstate is None and isinstance(failed, psycopg.OperationalError):
        # libpq reports a refused log-in without a SQLSTATE when it happens while connecting.
        wrong = (
            "authentication failed",
            "does not exist",
            "no pg_hba.conf entry",
            "permission denied",
            "no password supplied",
        )
        return Verdict.STOP if any(words in text for words in wrong) else Verdict.RETRY
    return verdict_of(failed.sqlstate, failed.diag.constraint_name) if failed.sqlstate else Verdict.STOP


def _reason(failed: psycopg.Error, text: str) -> str:
    return failed.diag.message_primary or text


@contextmanager
def translating(doing: str) -> Iterator[None]:
    """Inside, an error of psycopg becomes the one of Pulse's tree that it stands for."""
    try:
        yield
    except psycopg.Error as failed:
        raise translated(failed, doing) from failed
