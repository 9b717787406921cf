"""How Postgres goes about the queries of a run that has just ended: does it read a big table from end to end?

What a run worked on (its window, its new events, the chains that they touch) stays in its tables until the next one, so
the plan of a statement can be asked for afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from bench.dbt.statements import Statement

# Tables that grow with history; in an incremental run, nothing may read one of them whole.
_BIG = re.compile(r"^(events_\w+|int_events_sessionized|int_user_days|fct_sessions)$")
_BIG_PAGES = 1_000
_HOTTEST = 2

# A sequential scan, or one of a whole index, which is no better: its node has no condition of the index.
_SCAN = re.compile(r"(?:Seq Scan on|Index (?:Only )?Scan (?:Backward )?using \S+ on) (\w+)")
_CONDITION = "Index Cond:"
_BUILDS = re.compile(r"^(create|insert|delete)\b", re.IGNORECASE)
_SETS = re.compile(r"^set local\b", re.IGNORECASE)
_PAGES = "select relname, relpages from pg_class where relkind = 'r'"


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement's plan, and the big tables that it reads from end to end."""

    name: str
    seconds: float
    text: str
    whole: tuple[str, ...]


def plans(dsn: str, statements: Sequence[Statement]) -> list[Plan]:
    """The plans of all that read a big table, the slowest first; of the two slowest as it was measured."""
    with psycopg.connect(dsn) as connection:
        pages = dict(connection.execute(_PAGES).fetchall())
        found = [plan for one in statements if (plan := _plan(connection, one, statements, pages)) is not None]
        slowest = sorted(found, key=lambda each: -each[0].seconds)
        measured = [_measured(connection, one, statements, pages) for one, _ in slowest[:_HOTTEST]]
    return [*measured, *(plan for _, plan in slowest[_HOTTEST:])]


def _plan(
    connection: psycopg.Connection[Any], one: Statement, all_of_them: Sequence[Statement], pages: dict[str, int]
) -> tuple[Statement, Plan] | None:
    if not _BUILDS.match(one.text):
        return None
    text = _explained(connection, one, all_of_them, "explain")
    if text is None or not any(_BIG.match(name) for name in re.findall(r" on (\w+)", text)):
        return None
    return one, Plan(one.name, one.seconds, text, _whole(text, pages))


def _measured(
    connection: psycopg.Connection[Any], one: Statement, all_of_them: Sequence[Statement], pages: dict[str, int]
) -> Plan:
    text = _explained(connection, one, all_of_them, "explain (analyze, buffers, timing off, summary)") or ""
    return Plan(one.name, one.seconds, text, _whole(text, pages))


def _explained(
    connection: psycopg.Connection[Any], one: Statement, all_of_them: Sequence[Statement], how: str
) -> str | None:
    """The plan, under the settings that the model had set; None if a table of the run is gone. Changes nothing."""
    try:
        for before in all_of_them:
            if before.node == one.node and _SETS.match(before.text):
                connection.execute(before.text.encode())
        rows = connection.execute(f"{how} {one.text}".encode()).fetchall()
        return "\n".join(row[0] for row in rows)
    except psycopg.Error:
        return None
    finally:
        connection.rollback()


def _whole(text: str, pages: dict[str, int]) -> tuple[str, ...]:
    """The big tables that the plan reads from end to end."""
    nodes = re.split(r"\n\s*->", text)
    read = {scan[1] for node in nodes if _CONDITION not in node for scan in [_SCAN.search(node)] if scan}
    return tuple(sorted(name for name in read if _BIG.match(name) and pages.get(name, 0) > _BIG_PAGES))
