"""What Pulse cares about in a card or a dashboard of Metabase, and the mark that it leaves in the description.

Metabase adds much of its own to what it is given. Only what Pulse set is compared; whatever else a person sets there is
the person's. The mark holds the key, by which a thing is found again whatever it is called, and the fingerprint of what
Pulse wrote last: if what is there has another one, a person has changed it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]

# Every setting that Pulse ever writes; a later version that writes another one adds it here.
VISUAL = (
    "graph.dimensions",
    "graph.metrics",
    "graph.show_goal",
    "graph.goal_value",
    "graph.goal_label",
    "stackable.stack_type",
    "funnel.dimension",
    "funnel.metric",
    "table.pivot",
    "table.pivot_column",
    "table.cell_column",
)
_MARK = re.compile(r"\s*\[pulse ([a-z0-9_/-]+) ([0-9a-f]{16}|-)\]\s*$")


class Marked(NamedTuple):
    """A description taken apart; without a mark the thing is not Pulse's."""

    text: str
    key: str | None
    fingerprint: str | None


def marked(text: str, key: str, fingerprint: str = "-") -> str:
    """The description with the mark; without a fingerprint it says that what Pulse has begun is not whole yet."""
    return f"{text}\n\n[pulse {key} {fingerprint}]"


def read(description: str | None) -> Marked:
    """The description without the mark, and the mark."""
    found = _MARK.search(description or "")
    if found is None:
        return Marked(description or "", None, None)
    return Marked((description or "")[: found.start()], found[1], found[2])


def fingerprint(content: object) -> str:
    """The same for equal contents, whatever their order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def of_card(card: Mapping[str, Any]) -> Json:
    """What Pulse cares about in a card, as it is sent or as Metabase gives it."""
    sql, tags = _native(card["dataset_query"])
    return {
        "name": card["name"],
        "description": read(card.get("description")).text,
        "display": card["display"],
        "database": card["dataset_query"]["database"],
        "sql": sql,
        "tags": {name: tag.get("type") for name, tag in tags.items()},
        "visual": {name: value for name, value in card["visualization_settings"].items() if name in VISUAL},
    }


def _native(query: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The statement and its filters, from the form of old and of new versions."""
    if "stages" in query:
        stage = query["stages"][0]
        return str(stage.get("native", "")), stage.get("template-tags") or {}
    native = query.get("native") or {}
    return str(native.get("query", "")), native.get("template-tags") or {}


def of_dashboard(dashboard: Mapping[str, Any], keys: Mapping[int, str]) -> Json:
    """What Pulse cares about in a dashboard. `keys` are those of its cards by their ids; other cards are a person's."""
    cards = [
        [
            keys[card["card_id"]],
            *(card[side] for side in ("row", "col", "size_x", "size_y")),
            sorted([mapping["parameter_id"], mapping["target"]] for mapping in card.get("parameter_mappings") or ()),
        ]
        for card in dashboard.get("dashcards") or ()
        if card.get("card_id") in keys
    ]
    return {
        "name": dashboard["name"],
        "description": read(dashboard.get("description")).text,
        "parameters": [
            [parameter.get(name) for name in ("id", "name", "slug", "type")]
            for parameter in dashboard.get("parameters") or ()
        ],
        "cards": sorted(cards, key=lambda card: str(card[0])),
    }
