"""Brings a Metabase to where it shall be: look, compare, write, look again, until nothing differs.

It may be killed at any moment and started again, and Metabase may go away and come back: nothing is remembered here.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

import psycopg.conninfo
from structlog.stdlib import BoundLogger

from pulse.backoff import delays
from pulse.errors import Stop
from pulse.settings import MetabaseSettings
from pulse_dashboards.metabase.client import Client, MetabaseUnavailable
from pulse_dashboards.metabase.content import Json
from pulse_dashboards.metabase.diff import Difference, Present, difference
from pulse_dashboards.metabase.wanted import Database, Wanted, database, wanted
from pulse_dashboards.model import Catalogue

# Database, collection, cards, dashboards, what is on them: five, and a few for people who work there meanwhile.
MOST_PASSES = 12
_VERIFYING = ("require", "verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many requests changed something, and what was left as a person had made it."""

    writes: int
    kept: tuple[str, ...]


def provision(settings: MetabaseSettings, catalogue: Catalogue, log: BoundLogger) -> Outcome:
    """Puts the dashboards into Metabase. MetabaseUnavailable if it stays away for too long, Stop if it refuses."""
    aim = wanted(catalogue, settings.pipeline, connection(settings))
    deadline = time.monotonic() + settings.wait.total_seconds()
    waits = delays(random.random)
    writes = 0
    client = Client(settings.url)
    try:
        while True:
            try:
                if client.sign_in(settings.email, settings.password, settings.site_name, settings.setup_token):
                    log.info("metabase_set_up", email=settings.email)
                    writes += 1
                for _ in range(MOST_PASSES):
                    found = _pass(client, aim, settings, log)
                    writes += len(found.writes)
                    if not found.writes:
                        return _told(log, settings, Outcome(writes, tuple(found.kept)))
                raise Stop(_UNSETTLED.format(MOST_PASSES))
            except MetabaseUnavailable as failed:
                pause = next(waits)
                if time.monotonic() + pause > deadline:
                    raise
                log.warning("metabase_waited", problem=str(failed), retry_in_seconds=round(pause, 1))
                time.sleep(pause)
    finally:
        client.close()


def connection(settings: MetabaseSettings) -> Database:
    """The connection that Metabase gets; the password apart. Stop if the connection string lacks something."""
    parts = psycopg.conninfo.conninfo_to_dict(settings.database.dsn)
    missing = [name for name in ("host", "dbname", "user", "password") if not parts.get(name)]
    if missing:
        raise Stop(f"PULSE_DATABASE_DSN names no {missing[0]}, which Metabase has to be told: add it.")
    details = {
        "host": parts["host"],
        "port": int(str(parts.get("port") or 5432)),
        "dbname": parts["dbname"],
        "user": parts["user"],
        "ssl": parts.get("sslmode") in _VERIFYING,
        "schema-filters-type": "inclusion",
        "schema-filters-patterns": "marts,ops",
    }
    return database(f"Pulse: {settings.pipeline}", details, str(parts["password"]))


def _pass(client: Client, aim: Wanted, settings: MetabaseSettings, log: BoundLogger) -> Difference:
    found = difference(aim, look(client, aim), settings.edited)  # type: ignore[arg-type] # the setting has these choices
    for write in found.writes:
        client.write(write.method, write.path, write.body)
        log.info("metabase_changed", did=write.says)
    return found


def look(client: Client, aim: Wanted) -> Present:
    """What is there of ours. Cards and dashboards are read whole: the list of a collection has not all of them."""
    databases: list[Json] = client.get("/api/database")["data"]
    collections: list[Json] = client.get("/api/collection")
    ours = _named(collections, aim.collection)
    items: list[Json] = client.get(f"/api/collection/{ours['id']}/items")["data"] if ours else []
    return Present(
        _named(databases, aim.database.name),
        ours,
        # Without the word newer versions give the query in a form of their own.
        [client.get(f"/api/card/{item['id']}", **{"legacy-mbql": "true"}) for item in items if item["model"] == "card"],
        [client.get(f"/api/dashboard/{item['id']}") for item in items if item["model"] == "dashboard"],
    )


def _named(things: list[Json], name: str) -> Json | None:
    """The oldest of that name."""
    found = [thing for thing in things if thing["name"] == name and not thing.get("archived")]
    return min(found, key=lambda thing: _number(thing["id"]), default=None)


def _number(identity: Any) -> int:
    return identity if isinstance(identity, int) else 0


def _told(log: BoundLogger, settings: MetabaseSettings, outcome: Outcome) -> Outcome:
    for name in outcome.kept:
        log.warning("metabase_edit_kept", what=name)
    log.info("metabase_provisioned", writes=outcome.writes, kept=len(outcome.kept), url=settings.url)
    return outcome


_UNSETTLED = (
    "Metabase still differs from what is wanted after {} passes: it changes what it is told, or somebody else "
    "provisions it at the same time. The log names what was written: see what comes again."
)
