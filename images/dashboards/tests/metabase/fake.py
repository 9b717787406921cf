"""A stand-in for Metabase, whose image cannot be had everywhere: its API over HTTP, as far as Pulse asks for it.

It holds every request against Metabase's own description (README.md beside this file) and remembers what does not fit.
It behaves like the real one in what it keeps: setting it up works once, sessions end, it answers 503 while it starts,
it hides passwords, adds much of its own to what it is given, and gives queries in the form of new versions unless asked
not to.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DESCRIPTION = Path(__file__).parent / "openapi.json"
SETUP_TOKEN = "the setup token"
HIDDEN = "**MetabasePass**"


class Gone(Exception):
    """The connection ends without an answer."""


@cache
def _description() -> tuple[dict[str, Any], Registry[Any]]:
    described = _any_of(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
    resource = Resource.from_contents(described, default_specification=DRAFT202012)
    return described, Registry().with_resource("urn:metabase", resource)


def _any_of(part: Any) -> Any:
    """`oneOf` read as `anyOf`, which is what Metabase's generator means: some of its alternatives include others."""
    if isinstance(part, dict):
        return {"anyOf" if name == "oneOf" else name: _any_of(inner) for name, inner in part.items()}
    return [_any_of(inner) for inner in part] if isinstance(part, list) else part


@cache
def _validator(path: str, method: str) -> Draft202012Validator | None:
    described, registry = _description()
    body = described["paths"][path][method].get("requestBody")
    if body is None:
        return None
    where = "/".join(["#/paths", path.replace("/", "~1"), method, "requestBody/content/application~1json/schema"])
    return Draft202012Validator({"$ref": f"urn:metabase{where}"}, registry=registry)


def operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """The description of what this asks for, and the path as it stands there."""
    described, _ = _description()
    for pattern, operations in described["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", pattern), path) and method.lower() in operations:
            return pattern, operations[method.lower()]
    return None


@dataclass
class FakeMetabase:
    """What it holds, how it was treated, and how it shall misbehave."""

    users: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)  # and how many requests it is still good for
    databases: dict[int, dict[str, Any]] = field(default_factory=dict)
    collections: dict[int, dict[str, Any]] = field(default_factory=dict)
    cards: dict[int, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[int, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    syncs: int = 0
    session_requests: int = 1_000_000
    starting: int = 0  # requests that are still answered with 503
    dies_after_writes: int | None = None  # then this write is done and never answered, and nobody answers any more
    away_every: int = 0  # each so-manieth request is done and answered with 502
    is_dead: bool = False
    knows_legacy_word: bool = True  # an old query is asked for by a word that not every version knows
    _ids: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))
    _requests: int = 0

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, body: Any) -> tuple[int, Any]:
        """The status and the answer of one request."""
        self._requests += 1
        if self.is_dead:
            raise Gone
        if self.starting > 0:
            self.starting -= 1
            return 503, {"status": "initializing", "progress": 0.5}
        if path == "/api/health":
            return 200, {"status": "ok"}
        found = operation(method, path)
        if found is None:
            self.faults.append(f"{method} {path} is not described")
            return 404, "Not found."
        self._check(method, path, found[0], found[1], query, body)
        status, said = self._act(method, path, found[0], headers, query, body)
        if method != "GET" and path != "/api/session" and status < 300:
            self.writes.append(f"{method} {path}")
            if self.dies_after_writes is not None and len(self.writes) >= self.dies_after_writes:
                self.is_dead = True
                raise Gone
        if self.away_every and self._requests % self.away_every == 0:
            return 502, "Bad gateway"
        return status, said

    def _check(
        self, method: str, path: str, pattern: str, described: dict[str, Any], query: dict[str, str], body: Any
    ) -> None:
        known = {one["name"] for one in described.get("parameters", ()) if one["in"] == "query"}
        self.faults += [f"{method} {path}: unknown word {name}" for name in query.keys() - known]
        validator = _validator(pattern, method.lower())
        if validator is None:
            if body is not None:
                self.faults.append(f"{method} {path} takes no body")
            return
        # What has a default may be left out: the description calls it required all the same.
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        defaults = {name: one["default"] for name, one in schema["properties"].items() if "default" in one}
        filled = {**defaults, **(body or {})}
        self.faults += [
            f"{method} {path}: {fault.message[:200]} at {list(fault.path)}" for fault in validator.iter_errors(filled)
        ]
        strange = sorted(set(body or {}) - set(schema["properties"]))
        self.faults += [f"{method} {path}: {name} is not described" for name in strange]

    def _act(
        self, method: str, path: str, pattern: str, headers: Any, query: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        if pattern == "/api/session/properties":
            told: dict[str, Any] = {"has-user-setup": bool(self.users), "site-name": "Metabase"}
            return 200, told if self.users else {**told, "setup-token": SETUP_TOKEN}
        if pattern == "/api/setup":
            return self._set_up(body)
        if pattern == "/api/session":
            if self.users.get(body["username"]) != body["password"]:
                return 401, {"errors": {"password": "did not match stored password"}}
            return 200, {"id": self._session()}
        session = headers.get("X-Metabase-Session", "")
        if self.sessions.get(session, 0) <= 0:
            return 401, "Unauthenticated"
        self.sessions[session] -= 1
        number = next((int(part) for part in path.split("/") if part.isdigit()), 0)
        return _HANDLERS[method, pattern](self, number, query, body)

    def _set_up(self, body: Any) -> tuple[int, Any]:
        if self.users:
            return 403, "The /api/setup route can only be used to create the first user."
        if body["token"] != SETUP_TOKEN:
            return 400, {"errors": {"token": "Token does not match the setup token."}}
        self.users[body["user"]["email"]] = body["user"]["password"]
        return 200, {"id": self._session()}

    def _session(self) -> str:
        made = str(uuid.uuid4())
        self.sessions[made] = self.session_requests
        return made

    def _list_databases(self, *_: Any) -> tuple[int, Any]:
        shown = [{**one, "details": {**one["details"], "password": HIDDEN}} for one in self.databases.values()]
        return 200, {"data": shown, "total": len(shown)}

    def _add_database(self, _: int, __: Any, body: Any) -> tuple[int, Any]:
        made = {"id": next(self._ids), "description": None, **body}
        self.databases[made["id"]] = made
        return 200, made

    def _set_database(self, number: int, _: Any, body: Any) -> tuple[int, Any]:
        self.databases[number].update(body)
        return 200, self.databases[number]

    def _sync(self, *_: Any) -> tuple[int, Any]:
        self.syncs += 1
        return 200, {"status": "ok"}

    def _list_collections(self, *_: Any) -> tuple[int, Any]:
        root = {"id": "root", "name": "Our analytics", "can_write": True}
        return 200, [root, *(one for one in self.collections.values() if not one["archived"])]

    def _add_collection(self, _: int, __: Any, body: Any) -> tuple[int, Any]:
        made = {"id": next(self._ids), "archived": False, "slug": "pulse", "location": "/", **body}
        self.collections[made["id"]] = made
        return 200, made

    def _items(self, number: int, *_: Any) -> tuple[int, Any]:
        found = [
            {"id": one["id"], "name": one["name"], "model": model, "description": one["description"]}
            for model, things in (("card", self.cards), ("dashboard", self.dashboards))
            for one in things.values()
            if one["collection_id"] == number and not one["archived"]
        ]
        return 200, {"data": found, "total": len(found), "models": ["card", "dashboard"]}

    def _add_card(self, _: int, __: Any, body: Any) -> tuple[int, Any]:
        defaults = {"archived": False, "parameters": [], "result_metadata": [], "enable_embedding": False}
        made = {"id": next(self._ids), "entity_id": "e" * 21, **defaults, **body}
        self.cards[made["id"]] = made
        return 200, made

    def _card(self, number: int, query: dict[str, str], _: Any) -> tuple[int, Any]:
        card = self.cards[number]
        if query.get("legacy-mbql") == "true" and self.knows_legacy_word:
            return 200, card
        native = card["dataset_query"]["native"]
        stage = {
            "lib/type": "mbql.stage/native",
            "native": native["query"],
            "template-tags": native["template-tags"],
        }
        modern = {"lib/type": "mbql/query", "database": card["dataset_query"]["database"], "stages": [stage]}
        return 200, {**card, "dataset_query": modern}

    def _set_card(self, number: int, _: Any, body: Any) -> tuple[int, Any]:
        self.cards[number].update(body)
        return 200, self.cards[number]

    def _add_dashboard(self, _: int, __: Any, body: Any) -> tuple[int, Any]:
        made = {"id": next(self._ids), "archived": False, "dashcards": [], "parameters": [], "tabs": [], **body}
        self.dashboards[made["id"]] = made
        return 200, made

    def _dashboard(self, number: int, *_: Any) -> tuple[int, Any]:
        there = self.dashboards[number]
        return 200, {
            **there,
            "dashcards": [{**card, "card": self.cards[card["card_id"]]} for card in there["dashcards"]],
        }

    def _set_dashboard(self, number: int, _: Any, body: Any) -> tuple[int, Any]:
        """The list of cards is the whole truth: new ones have negative ids, and those left out are taken off."""
        there = self.dashboards[number]
        if "dashcards" in body:
            known = {card["id"]: card for card in there["dashcards"]}
            unknown = [card["id"] for card in body["dashcards"] if card["id"] >= 0 and card["id"] not in known]
            if unknown:
                self.faults.append(f"dashcards {unknown} are not on dashboard {number}")
            cards = [
                {"visualization_settings": {}, "series": [], **known.get(card["id"], {}), **card}
                for card in body["dashcards"]
            ]
            body = {
                **body,
                "dashcards": [{**card, "id": next(self._ids) if card["id"] < 0 else card["id"]} for card in cards],
            }
        there.update(body)
        return 200, there

    def state(self) -> Any:
        """What people see of it, without ids, archived things left out."""
        cards = {number: card for number, card in self.cards.items() if not card["archived"]}
        databases = {number: one["name"] for number, one in self.databases.items()}
        return {
            "databases": [{**one, "id": 0} for one in self.databases.values()],
            "collections": [one["name"] for one in self.collections.values()],
            "cards": sorted(
                (
                    card["name"],
                    card["display"],
                    _without_mark(card["description"]),
                    databases[card["dataset_query"]["database"]],
                    json.dumps(card["dataset_query"]["native"], sort_keys=True),
                    json.dumps(card["visualization_settings"], sort_keys=True),
                )
                for card in cards.values()
            ),
            "dashboards": sorted(
                (
                    one["name"],
                    _without_mark(one["description"]),
                    json.dumps(one["parameters"], sort_keys=True),
                    sorted(
                        (
                            self.cards[card["card_id"]]["name"],
                            *(card[side] for side in ("row", "col", "size_x", "size_y")),
                            sorted(
                                (mapping["parameter_id"], str(mapping["target"]))
                                for mapping in card["parameter_mappings"]
                            ),
                        )
                        for card in one["dashcards"]
                    ),
                )
                for one in self.dashboards.values()
                if not one["archived"]
            ),
        }


def _without_mark(description: str) -> str:
    """Fingerprints differ with ids, which nobody sees."""
    return re.sub(r"[0-9a-f]{16}\]$", "…]", description)


_HANDLERS: dict[tuple[str, str], Callable[..., tuple[int, Any]]] = {
    ("GET", "/api/database"): FakeMetabase._list_databases,
    ("POST", "/api/database"): FakeMetabase._add_database,
    ("PUT", "/api/database/{id}"): FakeMetabase._set_database,
    ("POST", "/api/database/{id}/sync_schema"): FakeMetabase._sync,
    ("GET", "/api/collection"): FakeMetabase._list_collections,
    ("POST", "/api/collection"): FakeMetabase._add_collection,
    ("GET", "/api/collection/{id}/items"): FakeMetabase._items,
    ("POST", "/api/card"): FakeMetabase._add_card,
    ("GET", "/api/card/{id}"): FakeMetabase._card,
    ("PUT", "/api/card/{id}"): FakeMetabase._set_card,
    ("POST", "/api/dashboard"): FakeMetabase._add_dashboard,
    ("GET", "/api/dashboard/{id}"): FakeMetabase._dashboard,
    ("PUT", "/api/dashboard/{id}"): FakeMetabase._set_dashboard,
}


@contextmanager
def serving(fake: FakeMetabase) -> Iterator[str]:
    """Its address while it is served."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet: else each answer waits for the acknowledgement of its head

        def _serve(self) -> None:
            asked = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            try:
                status, said = fake.answer(self.command, asked.path, query, self.headers, body)
            except Gone:
                self.close_connection = True
                return
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Tests say what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
