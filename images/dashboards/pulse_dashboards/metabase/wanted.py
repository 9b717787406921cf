"""What Metabase shall hold: the same dashboards as the live page, in Metabase's words. Pure."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulse_dashboards import template
from pulse_dashboards.metabase.content import Json
from pulse_dashboards.model import GRID_COLUMNS, Card, Catalogue, Dashboard, Filter

# A namespace of Pulse's own for ids that are the same in every run.
_NAMESPACE = uuid.UUID("7f4b0c52-6a3e-5d0c-9a54-0c7a1d1c8b11")

_ROUNDS = 200_000

_DISPLAYS = {"number": "scalar", "heatmap": "table"}


@dataclass(frozen=True, slots=True)
class Database:
    """The connection to the marts: what Metabase gives back of it, and the password, which it does not.

    `mark` changes with both. Metabase shows it to people, so it gives the password away to nobody who guesses.
    """

    name: str
    details: Mapping[str, Any]
    password: str
    mark: str


def database(name: str, details: Mapping[str, Any], password: str) -> Database:
    """The connection with its mark, which takes a moment to make."""
    told = repr(sorted(details.items())).encode()
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), hashlib.sha256(told).digest(), _ROUNDS)
    return Database(name, details, password, digest.hex()[:16])


@dataclass(frozen=True, slots=True)
class WantedCard:
    """A card without the ids that only Metabase knows."""

    key: str
    name: str
    description: str
    display: str
    sql: str
    tags: Json
    visual: Json


@dataclass(frozen=True, slots=True)
class WantedDashboard:
    """A dashboard; `places` has row, column, width and height of every card, and the filters that it takes."""

    key: str
    name: str
    description: str
    parameters: tuple[Json, ...]
    places: tuple[tuple[str, tuple[int, int, int, int], tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of it, for one pipeline."""

    collection: str
    database: Database
    cards: tuple[WantedCard, ...]
    dashboards: tuple[WantedDashboard, ...]


def wanted(catalogue: Catalogue, pipeline: str, database: Database) -> Wanted:
    """What Metabase shall hold for the pipeline."""
    return Wanted(
        f"Pulse: {pipeline}",
        database,
        tuple(
            _card(pipeline, dashboard, card, catalogue.filters)
            for dashboard in catalogue.dashboards
            for card in dashboard.cards
        ),
        tuple(_dashboard(pipeline, dashboard, catalogue.filters) for dashboard in catalogue.dashboards),
    )


def card_key(pipeline: str, dashboard: Dashboard, card: Card) -> str:
    """What a card is found by again."""
    return f"{pipeline}/{dashboard.slug}/{card.key}"


def _card(pipeline: str, dashboard: Dashboard, card: Card, filters: Mapping[str, Filter]) -> WantedCard:
    return WantedCard(
        card_key(pipeline, dashboard, card),
        f"{dashboard.title}: {card.title}",
        " ".join([card.description or card.title + ".", *_told_marks(card)]),
        _DISPLAYS.get(card.chart, card.chart),
        card.sql.strip(),
        {
            name: {
                "id": str(uuid.uuid5(_NAMESPACE, name)),
                "name": name,
                "display-name": filters[name].title,
                "type": "date" if filters[name].kind == "date" else "text",
            }
            for name in sorted(template.tags(card.sql))
        },
        _visual(card),
    )


def _told_marks(card: Card) -> Iterator[str]:
    """Metabase draws one line; the others are told."""
    for mark in card.marks[1:]:
        yield f"Mark: {mark.title}."


def _visual(card: Card) -> Json:
    columns = [series.column for series in card.series]
    match card.chart:
        case "line" | "bar":
            shown: Json = {"graph.dimensions": [card.x], "graph.metrics": columns}
            if card.stacked:
                shown["stackable.stack_type"] = "stacked"
            if card.marks:
                first = card.marks[0]
                shown |= {"graph.show_goal": True, "graph.goal_value": first.value, "graph.goal_label": first.title}
            return shown
        case "funnel":
            return {"funnel.dimension": card.x, "funnel.metric": columns[0]}
        case "heatmap":
            return {"table.pivot": True, "table.pivot_column": card.x, "table.cell_column": columns[0]}
    return {}


def _dashboard(pipeline: str, dashboard: Dashboard, filters: Mapping[str, Filter]) -> WantedDashboard:
    return WantedDashboard(
        f"{pipeline}/{dashboard.slug}",
        dashboard.title,
        dashboard.description,
        tuple(
            {
                "id": parameter_id(name),
                "name": filters[name].title,
                "slug": name,
                "type": "date/single" if filters[name].kind == "date" else "string/=",
                "sectionId": "date" if filters[name].kind == "date" else "string",
            }
            for name in dashboard.filters
        ),
        tuple(
            (card_key(pipeline, dashboard, card), place, tuple(sorted(template.tags(card.sql))))
            for card, place in placed(dashboard)
        ),
    )


def parameter_id(name: str) -> str:
    """Eight digits, as Metabase's own."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def placed(dashboard: Dashboard) -> Iterator[tuple[Card, tuple[int, int, int, int]]]:
    """Every card with its row, column, width and height in the grid."""
    row = column = 0
    for card in dashboard.cards:
        yield card, (row, column, card.width, card.height)
        column += card.width
        if column >= GRID_COLUMNS:
            row, column = row + card.height, 0
