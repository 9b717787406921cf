"""The project's generic tests of columns find the row that is wrong, whichever column it is in."""

from __future__ import annotations

import re

import jinja2
import psycopg
import pytest

from pulse.settings import DatabaseSettings

from .warehouse import PROJECT

COLUMNS = ["a", "b", "c"]


def query(name: str, rows: str) -> str:
    """What dbt would ask of a table with these rows."""
    text = (PROJECT / "tests" / "generic" / f"{name}.sql").read_text(encoding="utf-8")
    body = re.sub(r"\{% (test [^%]*|endtest) %\}", "", text)
    table = f"(values {rows}) as given ({', '.join(COLUMNS)})"
    return jinja2.Environment(autoescape=False).from_string(body).render(model=table, columns=COLUMNS)  # noqa: S701


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("no_nulls", "(1, 2, 3)", ["(null, 2, 3)", "(1, null, 3)", "(1, 2, null)"]),
        ("percentages", "(0, 100, null::int)", ["(-1, 0, 0)", "(0, 101, 0)", "(null, 0, 100.1)"]),
        ("unique_combination", "(1, 2, 3), (1, 2, 4)", ["(1, 2, 3)"]),
    ],
)
def test_a_row_that_breaks_the_rule_is_found(database: DatabaseSettings, name: str, good: str, bad: list[str]) -> None:
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute(query(name, good).encode()).fetchall() == []
        for row in bad:
            assert len(connection.execute(query(name, f"{good}, {row}").encode()).fetchall()) == 1, row
