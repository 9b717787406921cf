"""From what is wanted and what is there to what has to be written next. Pure.

Each answer depends on ids that only Metabase gives, so the writes come in stages: whoever carries them out looks again
and asks again until nothing is left. A run that dies in between leaves something that the next one completes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pulse_dashboards.metabase.content import Json, fingerprint, marked, of_card, of_dashboard, read
from pulse_dashboards.metabase.wanted import Database, Wanted, WantedCard, WantedDashboard, parameter_id

Edited = Literal["keep", "overwrite"]

COLLECTION_TEXT = "The dashboards that Pulse keeps here. Copy one elsewhere to change it for good."
DATABASE_TEXT = "The marts, read as Pulse's reader."
DATABASE_KEY = "database"


@dataclass(frozen=True, slots=True)
class Present:
    """What is there: the database and the collection of our names, and what the collection holds, whole."""

    database: Json | None = None
    collection: Json | None = None
    cards: Sequence[Json] = ()
    dashboards: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changes something, and what it does in a few words."""

    method: Literal["POST", "PUT"]
    path: str
    body: Json | None
    says: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What to write next, and what a person changed and keeps."""

    writes: list[Write] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def difference(wanted: Wanted, present: Present, edited: Edited) -> Difference:
    """The next writes; none if all is as wanted, but for what is kept."""
    if writes := [*_database(wanted.database, present.database), *_collection(wanted, present.collection)]:
        return Difference(writes)
    database, collection = _id(present.database), _id(present.collection)
    found, spare = _by_key(present.cards)
    cards = Difference([*_archived("card", spare)])
    for card in wanted.cards:
        _card(cards, card, found.pop(card.key, None), database, collection, edited)
    if cards.writes:
        return cards
    # A card may only go when no dashboard shows it any more.
    gone = [*_archived("card", found.values())]
    keys = {card["id"]: key for card in present.cards if (key := read(card.get("description")).key)}
    there, spare = _by_key(present.dashboards)
    result = Difference([*_archived("dashboard", spare)], cards.kept)
    for dashboard in wanted.dashboards:
        _dashboard(result, dashboard, there.pop(dashboard.key, None), keys, collection, edited)
    result.writes.extend(_archived("dashboard", there.values()))
    result.writes.extend(gone)
    return result


def _database(wanted: Database, present: Json | None) -> Iterator[Write]:
    details = {**wanted.details, "password": wanted.password}
    if present is None:
        body = {"name": wanted.name, "engine": "postgres", "details": details}
        rest = {"is_full_sync": True, "is_on_demand": False, "connection_source": "admin"}
        yield Write("POST", "/api/database", {**body, **rest}, f"add the database {wanted.name}")
        return
    shown = {name: (present.get("details") or {}).get(name) for name in wanted.details}
    if shown != dict(wanted.details) or read(present.get("description")).fingerprint != wanted.mark:
        at = f"/api/database/{present['id']}"
        body = {"name": wanted.name, "engine": "postgres", "details": details}
        described = {"description": marked(DATABASE_TEXT, DATABASE_KEY, wanted.mark)}
        yield Write("PUT", at, {**body, **described}, f"set how the database {wanted.name} is reached")
        yield Write("POST", f"{at}/sync_schema", None, f"read the tables of the database {wanted.name}")


def _collection(wanted: Wanted, present: Json | None) -> Iterator[Write]:
    if present is None:
        body = {"name": wanted.collection, "description": COLLECTION_TEXT}
        yield Write("POST", "/api/collection", body, f"add the collection {wanted.collection}")


def _id(thing: Json | None) -> int:
    return int(thing["id"]) if thing else 0


def _by_key(things: Sequence[Json]) -> tuple[dict[str, Json], list[Json]]:
    """Pulse's things by their key, the oldest of each; and those that are there a second time."""
    found: dict[str, Json] = {}
    spare = []
    for thing in sorted(things, key=_id):
        key = read(thing.get("description")).key
        if key is None:
            continue  # a person's own
        if key in found:
            spare.append(thing)
        else:
            found[key] = thing
    return found, spare


def _archived(kind: str, things: Any) -> Iterator[Write]:
    for thing in things:
        says = f"archive the {kind} {thing['name']}"
        yield Write("PUT", f"/api/{kind}/{thing['id']}", {"archived": True}, says)


def _is_edited(there: Mapping[str, Any], now: str) -> bool:
    written = read(there.get("description")).fingerprint
    return written not in (None, "-", now)


def _card(
    result: Difference, wanted: WantedCard, there: Json | None, database: int, collection: int, edited: Edited
) -> None:
    body: Json = {
        "name": wanted.name,
        "description": wanted.description,
        "display": wanted.display,
        "type": "question",
        "collection_id": collection,
        "dataset_query": {
            "type": "native",
            "database": database,
            "native": {"query": wanted.sql, "template-tags": wanted.tags},
        },
        "visualization_settings": wanted.visual,
    }
    print_ = fingerprint(of_card(body))
    body["description"] = marked(wanted.description, wanted.key, print_)
    if there is None:
        result.writes.append(Write("POST", "/api/card", body, f"add the card {wanted.name}"))
        return
    now = fingerprint(of_card(there))
    if now == print_ and read(there.get("description")).fingerprint == print_:
        return
    if edited == "keep" and _is_edited(there, now):
        result.kept.append(f"card {there['name']}")
        return
    body["visualization_settings"] = {**there["visualization_settings"], **wanted.visual}
    result.writes.append(Write("PUT", f"/api/card/{there['id']}", body, f"set the card {wanted.name}"))


def _dashboard(
    result: Difference,
    wanted: WantedDashboard,
    there: Json | None,
    keys: Mapping[int, str],
    collection: int,
    edited: Edited,
) -> None:
    if there is None:
        body = {"name": wanted.name, "description": marked(wanted.description, wanted.key), "collection_id": collection}
        result.writes.append(Write("POST", "/api/dashboard", body, f"add the dashboard {wanted.name}"))
        return
    ids = {key: number for number, key in sorted(keys.items(), reverse=True)}
    body = {
        "name": wanted.name,
        "description": wanted.description,
        "parameters": list(wanted.parameters),
        "dashcards": _dashcards(wanted, there, ids, keys),
        "width": "full",
    }
    ours = {ids[key]: key for key, _, _ in wanted.places}
    print_ = fingerprint(of_dashboard(body, ours))
    body["description"] = marked(wanted.description, wanted.key, print_)
    now = fingerprint(of_dashboard(there, keys))
    if now == print_ and read(there.get("description")).fingerprint == print_:
        return
    if edited == "keep" and _is_edited(there, now):
        result.kept.append(f"dashboard {there['name']}")
        return
    result.writes.append(Write("PUT", f"/api/dashboard/{there['id']}", body, f"set the dashboard {wanted.name}"))


def _dashcards(wanted: WantedDashboard, there: Json, ids: Mapping[str, int], keys: Mapping[int, str]) -> list[Json]:
    """All cards of the dashboard: what is left out here is taken off it. New ones have negative ids."""
    on_it = {card.get("card_id"): card for card in there.get("dashcards") or ()}
    cards: list[Json] = []
    for number, (key, (row, column, width, height), filters) in enumerate(wanted.places, 1):
        card = ids[key]
        cards.append(
            {
                "id": on_it[card]["id"] if card in on_it else -number,
                "card_id": card,
                "row": row,
                "col": column,
                "size_x": width,
                "size_y": height,
                "parameter_mappings": [
                    {
                        "parameter_id": parameter_id(name),
                        "card_id": card,
                        "target": ["variable", ["template-tag", name]],
                    }
                    for name in filters
                ],
            }
        )
    strangers = [
        card
        for card in there.get("dashcards") or ()
        if card.get("card_id") not in keys and not (card.get("card") or {}).get("archived")
    ]
    return cards + [{name: value for name, value in card.items() if name in _CARRIED} for card in strangers]


# What has to be sent again of a person's own card on one of our dashboards, so that it stays as it is.
_CARRIED = (
    *("id", "card_id", "row", "col", "size_x", "size_y", "series"),
    *("parameter_mappings", "visualization_settings", "dashboard_tab_id", "inline_parameters"),
)
