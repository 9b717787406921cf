"""Tables and rows side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from .reference import Row, in_utc

# What one run found new or touched, and nothing that stays.
OF_ONE_RUN = "int_(new|touched)_%"
# Which run it was says how the history was cut, and not what it holds.
OF_THE_RUN = "quarantined_by_run"
SHOWN = 5

Tables = Mapping[str, Sequence[str]]

_RELATIONS = """
select format('%%I.%%I', table_schema, table_name) from information_schema.tables
where table_schema in ('intermediate', 'marts') and table_name not similar to %s order by 1
"""


def tables(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Every row of the tables of intermediate and marts as text, in order."""
    names = [name for (name,) in connection.execute(_RELATIONS, [OF_ONE_RUN])]
    found: dict[str, list[str]] = {name: [] for name in names}
    rows = (f"select '{name}', (to_jsonb(found) - '{OF_THE_RUN}')::text from {name} as found" for name in names)
    for name, row in connection.execute(" union all ".join(rows).encode()):
        found[name].append(row)
    return {name: sorted(rows) for name, rows in found.items()}


def different_tables(found: Tables, expected: Tables) -> str:
    """The tables and rows in which both differ; empty if they are equal."""
    said = []
    for name in sorted(found.keys() | expected.keys()):
        ours, theirs = Counter(found.get(name, ())), Counter(expected.get(name, ()))
        lines = [f"  unexpected {row}" for row in sorted((ours - theirs).elements())]
        lines += [f"  missing    {row}" for row in sorted((theirs - ours).elements())]
        if lines:
            said.append("\n".join([f"{name}: {len(lines)} rows differ", *lines[: 2 * SHOWN]]))
    return "\n".join(said)


def mart(connection: psycopg.Connection[Any], name: str) -> list[Row]:
    """All rows of a mart."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [dict(row) for row in cursor.execute(f"select * from marts.{name}".encode())]


def differences(found: Sequence[Row], expected: Sequence[Row]) -> list[tuple[str, Row]]:
    """Rows that stand on one side only; equal lists in any order have none."""
    ours, theirs = _sorted(found), _sorted(expected)
    if ours == theirs:
        return []
    return (
        [("unexpected", row) for row in ours if row not in theirs]
        + [("missing", row) for row in theirs if row not in ours]
        + ([("count", {"found": len(ours), "expected": len(theirs)})] if len(ours) != len(theirs) else [])
    )


def _sorted(rows: Sequence[Row]) -> list[Row]:
    return sorted(in_utc(rows), key=lambda row: str(list(row.values())))
