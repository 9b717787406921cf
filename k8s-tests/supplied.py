"""What people supply to a pipeline whose Kafka and Postgres are run elsewhere."""

from __future__ import annotations

from typing import Any

from world import Place, Raw

from pulse.facts import ROLES

NEVER = "0 0 1 1 *"


def keys(**others: str) -> dict[str, str]:
    """A connection string for each role, and whatever else there shall be."""
    return {f"{role}-dsn": f"postgresql://{role}@db.example.org/shop" for role in ROLES} | others


def supply(place: Place, name: str = "database", values: dict[str, str] | None = None) -> None:
    """The Secret of the database."""
    place.world.stand_in.secret(place.namespace, name, keys() if values is None else values)


def external(place: Place, **source: Any) -> Raw:
    """A spec of what is all outside, with these parts of the source in place of the defaults."""
    topics = {"topic": f"{place.name}-events", "dlqTopic": f"{place.name}-dlq"}
    there = {"bootstrapServers": place.world.broker.bootstrap_servers, **topics, **source}
    return {
        "source": {"external": there},
        "sink": {"external": {"secretRef": {"name": "database"}}},
        "transform": {"schedule": NEVER},
    }
