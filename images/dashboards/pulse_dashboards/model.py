"""What a dashboard is: its cards, their statements and how each is drawn. The same for the live page and for Metabase.

Types alone, which nobody changes and which refuse a misspelt field; `load` makes them of the files, and checks what
types cannot say.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

# The grid that cards lie in, Metabase's own: cards follow each other from left to right, and every row is full.
GRID_COLUMNS = 24

Chart = Literal["number", "line", "bar", "funnel", "heatmap", "table"]
Unit = Literal["count", "percent", "seconds", "text", "time"]
FilterKind = Literal["date", "choice"]

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*$", max_length=60)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column that is drawn: what it is called, and in which unit it counts."""

    column: Name
    title: Text
    unit: Unit = "count"


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A horizontal line with a meaning."""

    value: float
    title: Text


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One chart and the statement that it draws."""

    key: Name
    title: Text
    chart: Chart
    sql: str
    series: Annotated[tuple[Series, ...], msgspec.Meta(min_length=1, max_length=8)]
    description: str = ""
    x: Name | None = None
    row: Name | None = None
    marks: tuple[Mark, ...] = ()
    stacked: bool = False
    width: Literal[4, 6, 8, 12, 16, 24] = 12
    height: Annotated[int, msgspec.Meta(ge=2, le=12)] = 6


class Dashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of cards. `filters` are those that a person is offered; a card takes the ones that its statement names."""

    title: Text
    description: Text
    order: int
    cards: Annotated[tuple[Card, ...], msgspec.Meta(min_length=1)]
    filters: tuple[Name, ...] = ()
    refresh_seconds: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 60
    slug: str = ""


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to narrow dashboards by. The values of a choice come from the one column of `options`."""

    title: Text
    kind: FilterKind
    options: str = ""


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. `bounds` is asked for the first and the last day that the marts know."""

    dashboards: tuple[Dashboard, ...]
    filters: dict[Name, Filter]
    bounds: str

    def dashboard(self, slug: str) -> Dashboard | None:
        """The dashboard of that name."""
        return next((one for one in self.dashboards if one.slug == slug), None)
