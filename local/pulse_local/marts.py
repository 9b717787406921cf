"""The marts as tables that a person can read. Reads what dbt built, as the reader role may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from rich import box
from rich.table import Table

from pulse.adapters.postgres import translated

NAMES = ("fct_sessions", "fct_funnel_daily", "fct_engagement_daily", "fct_data_quality_daily")

SO_FAR = "today so far"  # instead of the date: a table has to fit into 80 columns
NOTHING = "-"  # a share of nothing, an average of nothing


@dataclass(frozen=True, slots=True)
class View:
    """One table of the demo: what is asked, and how the answer's columns are headed and written."""

    title: str
    question: str
    columns: tuple[tuple[str, Callable[[Any], str]], ...]
    note: str = ""


def whole(value: Any) -> str:
    """A count, with thousands apart."""
    return NOTHING if value is None else f"{value:,}"


def percent(value: Any) -> str:
    """A share that is already in hundredths."""
    return NOTHING if value is None else f"{value:.2f} %"


def minutes(value: Any) -> str:
    """Seconds as minutes and seconds."""
    return NOTHING if value is None else f"{int(value) // 60}:{int(value) % 60:02d}"


def day(value: Any) -> str:
    return f"{value:%a %d %b}"


VIEWS = (
    View(
        "Sessions",
        "select session_date, count(*), count(distinct user_id), avg(duration_seconds),"
        " 100.0 * count(*) filter (where is_bounce) / count(*), 100.0 * count(*) filter (where is_converted) / count(*)"
        " from marts.fct_sessions group by 1 order by 1 desc limit 7",
        (
            ("day", day),
            ("sessions", whole),
            ("users", whole),
            ("average length", minutes),
            ("bounced", percent),
            ("converted", percent),
        ),
    ),
    View(
        "Funnel: users by the furthest step of their day",
        "select activity_date, users_step_0, users_step_1, users_step_2, users_step_3, users_step_4, cvr_overall"
        " from marts.fct_funnel_daily order by 1 desc limit 7",
        (
            ("day", day),
            ("page", whole),
            ("product", whole),
            ("cart", whole),
            ("checkout", whole),
            ("payment", whole),
            ("page to payment", percent),
        ),
    ),
    View(
        "Engagement: users active in 1, 7 and 30 days",
        "select activity_date, dau, wau, mau, stickiness, case when is_full_window then 'yes' else 'not yet' end"
        " from marts.fct_engagement_daily order by 1 desc limit 7",
        (
            ("day", day),
            ("DAU", whole),
            ("WAU", whole),
            ("MAU", whole),
            ("stickiness", percent),
            ("30 days full", str),
        ),
    ),
    View(
        "Data quality, by day of arrival",
        "select arrival_date, events, late_events, late_share,"
        " case when late_share_is_high then 'high' else 'ok' end, duplicates, dead_letters"
        " from marts.fct_data_quality_daily order by 1 desc limit 7",
        (
            ("day", day),
            ("events", whole),
            ("late", whole),
            ("late share", percent),
            ("signal", str),
            ("duplicates", whole),
            ("dead letters", whole),
        ),
        "Duplicates and dead letters stand on the day they were stored.",
    ),
)


def tables(connection: psycopg.Connection[Any]) -> list[Table]:
    """The last seven days of every view."""
    current = dt.datetime.now(dt.UTC).date()
    return [table(view, _asked(connection, view.question), current) for view in VIEWS]


def table(view: View, rows: Sequence[Sequence[Any]], current: dt.date) -> Table:
    """Rows under the headings of the view, that of the current day marked as unfinished; no rows are said so."""
    shown = Table(
        title=view.title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for number, (heading, _) in enumerate(view.columns):
        shown.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        first, *others = (write(value) for (_, write), value in zip(view.columns, row, strict=True))
        shown.add_row(SO_FAR if row[0] == current else first, *others)
    shown.caption = view.note if rows else "no rows yet"
    return shown


def row_counts(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """How many rows each shown mart has."""
    return {name: int(_asked(connection, f"select count(*) from marts.{name}")[0][0]) for name in NAMES}  # noqa: S608 - names from this code


def counted_events(connection: psycopg.Connection[Any]) -> int:
    """The events that the data quality mart has counted, over all days."""
    return int(_asked(connection, "select coalesce(sum(events), 0) from marts.fct_data_quality_daily")[0][0])


def today(connection: psycopg.Connection[Any]) -> str:
    """The newest day in one line."""
    rows = _asked(
        connection,
        "select activity_date, dau, (select count(*) from marts.fct_sessions where session_date = activity_date),"
        " (select late_share from marts.fct_data_quality_daily where arrival_date = activity_date)"
        " from marts.fct_engagement_daily order by 1 desc limit 1",
    )
    if not rows:
        return "no day yet"
    date, dau, sessions, late = rows[0]
    return f"{day(date)}: {whole(sessions)} sessions, {whole(dau)} users, {percent(late)} late"


def _asked(connection: psycopg.Connection[Any], question: str) -> list[tuple[Any, ...]]:
    try:
        with connection.transaction():
            return connection.execute(question.encode()).fetchall()
    except psycopg.Error as failed:
        raise translated(failed, "Reading the marts") from failed
