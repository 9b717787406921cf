"""Reads the definitions and refuses what is wrong in them, with the file, the card and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import yaml

from pulse.errors import Stop
from pulse_dashboards import template
from pulse_dashboards.model import GRID_COLUMNS, Card, Catalogue, Chart, Dashboard, Filter

FILTERS = "_filters.yaml"

# Where a statement may read: what the reader may see. Everything else is refused before Postgres refuses it.
_SCHEMAS = ("marts", "ops")
_RELATION = re.compile(r"\b(?:from|join)\s+([a-z_][\w.]*)(\s*\()?", re.IGNORECASE)
_NAMED_QUERY = re.compile(r"\b(\w+)(?:\s*\([^()]*\))?\s+as\s+(?:not\s+)?(?:materialized\s+)?\(", re.IGNORECASE)

# Which of x, row, marks and stacked a chart takes, x and row as what it cannot do without.
_TAKES: dict[Chart, frozenset[str]] = {
    "number": frozenset({"marks"}),
    "line": frozenset({"x", "marks"}),
    "bar": frozenset({"x", "marks", "stacked"}),
    "funnel": frozenset({"x"}),
    "heatmap": frozenset({"x", "row"}),
    "table": frozenset(),
}
_ONE_SERIES = ("number", "funnel", "heatmap")

T = TypeVar("T")


class _Filters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filters: dict[str, Filter]
    bounds: str


def shipped() -> Catalogue:
    """The dashboards of this version."""
    return load(files("pulse_dashboards").joinpath("definitions"))


def load(folder: Traversable) -> Catalogue:
    """The dashboards of a folder, in their order. Stop says what is wrong with which file."""
    shared = _read(folder.joinpath(FILTERS), _Filters)
    dashboards = [
        msgspec.structs.replace(_read(item, Dashboard), slug=item.name.removesuffix(".yaml").replace("_", "-"))
        for item in folder.iterdir()
        if item.name.endswith(".yaml") and item.name != FILTERS
    ]
    catalogue = Catalogue(tuple(sorted(dashboards, key=lambda one: one.order)), shared.filters, shared.bounds)
    faults = list(_faults(catalogue))
    if faults:
        raise Stop("The dashboards' definitions are wrong. " + " ".join(faults))
    return catalogue


def _read(item: Traversable, kind: type[T]) -> T:
    try:
        return msgspec.convert(_yaml(item), kind)
    except msgspec.ValidationError as wrong:
        raise Stop(f"{item.name}: {wrong}.") from wrong


def _yaml(item: Traversable) -> Any:
    try:
        return yaml.safe_load(item.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as wrong:
        raise Stop(f"{item.name} cannot be read: {' '.join(str(wrong).split())}.") from wrong


def _faults(catalogue: Catalogue) -> Iterator[str]:
    yield from _twice("dashboards at place", [str(one.order) for one in catalogue.dashboards])
    for name, offered in catalogue.filters.items():
        if (offered.kind == "choice") != bool(offered.options):
            yield f"{FILTERS}: {name}: a choice, and nothing else, has options."
    for dashboard in catalogue.dashboards:
        for fault in _faults_of(dashboard, catalogue):
            yield f"{dashboard.slug}: {fault}"


def _faults_of(dashboard: Dashboard, catalogue: Catalogue) -> Iterator[str]:
    for name in dashboard.filters:
        if name not in catalogue.filters:
            yield f"filter {name} is not in {FILTERS}."
    yield from _twice("cards with the key", [card.key for card in dashboard.cards])
    yield from _layout_faults(dashboard)
    for card in dashboard.cards:
        for fault in (*_chart_faults(card), *_sql_faults(card, dashboard)):
            yield f"{card.key}: {fault}"
    unused = set(dashboard.filters) - {tag for card in dashboard.cards for tag in template.tags(card.sql)}
    for name in sorted(unused):
        yield f"filter {name} is offered and no card takes it."


def _twice(what: str, names: list[str]) -> Iterator[str]:
    for first, second in pairwise(sorted(names)):
        if first == second:
            yield f"There are two {what} {first}."


def _layout_faults(dashboard: Dashboard) -> Iterator[str]:
    row: list[Card] = []
    for card in dashboard.cards:
        row.append(card)
        if card.height != row[0].height:
            yield f"{card.key}: it is {card.height} high and the first of its row {row[0].height}."
        width = sum(one.width for one in row)
        if width > GRID_COLUMNS:
            yield f"{card.key}: the row that it ends is {width} wide, it takes {GRID_COLUMNS}."
        if width >= GRID_COLUMNS:
            row = []
    if row:
        yield f"{row[-1].key}: the last row is not full, it takes {GRID_COLUMNS}."


def _chart_faults(card: Card) -> Iterator[str]:
    takes = _TAKES[card.chart]
    for name, value in (("x", card.x), ("row", card.row), ("marks", card.marks), ("stacked", card.stacked)):
        if value and name not in takes:
            yield f"a {card.chart} takes no {name}."
        if name in ("x", "row") and name in takes and not value:
            yield f"a {card.chart} needs {name}."
    if card.chart in _ONE_SERIES and len(card.series) != 1:
        yield f"a {card.chart} draws one series, not {len(card.series)}."
    if card.chart not in ("table", "number") and any(one.unit in ("text", "time") for one in card.series):
        yield f"a {card.chart} draws numbers, no text and no times."
    if len({one.unit for one in card.series}) > 1 and card.chart in ("line", "bar"):
        yield "its series are in different units and would share one axis."


def _sql_faults(card: Card, dashboard: Dashboard) -> Iterator[str]:
    for name in sorted(template.tags(card.sql) - set(dashboard.filters)):
        yield f"its statement takes {{{{{name}}}}}, which the dashboard does not offer."
    for name in sorted(template.required(card.sql)):
        yield f"{{{{{name}}}}} stands outside of [[ ]], and a person may leave it empty."
    if ";" in card.sql:
        yield "its statement has a semicolon: one statement, without one."
    named = set(_NAMED_QUERY.findall(card.sql))
    for relation, call in _RELATION.findall(card.sql):
        if not call and relation not in named and relation.split(".")[0] not in _SCHEMAS:
            yield f"it reads {relation}; dashboards read {' and '.join(_SCHEMAS)} alone."
