"""The collector's interface as an OpenAPI document, made of the code's own tables. Pure.

docs/reference/collector.openapi.json is generated from it, and the fuzzer of the tests reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from itertools import groupby
from typing import Any

from pulse import VERSION
from pulse_collector.http import EVENTS, FORGET, KEY_HEADER, PIXEL, ROBOTS
from pulse_collector.pixel import QUERY
from pulse_collector.refusals import REFUSALS

Json = dict[str, Any]

_PIXEL_CODES = frozenset(
    {"invalid_query", "unknown_key", "rate_limited", "internal", "kafka_unavailable", "buffer_full"}
)
_EVENTS_CODES = REFUSALS.keys() - {"not_found", "method_not_allowed", "invalid_query"}


def document() -> Json:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pulse collector", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "paths": {
            EVENTS: {"post": _post(), "options": _preflight()},
            PIXEL: {"get": _pixel()},
            FORGET: {"post": _forget()},
            ROBOTS: {
                "get": {"responses": {"200": {"description": "Search engines stay away.", **_content("text/plain")}}}
            },
        },
        "components": {
            "schemas": {"Event": _event(), "Batch": _batch(), "Outcome": _outcome(), "Refusal": _refusal()},
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": KEY_HEADER.decode()},
                "query": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
        "security": [{}, {"header": []}, {"query": []}],
    }


def _post() -> Json:
    body = {"schema": {"oneOf": [_ref("Event"), _ref("Batch")]}}
    return {
        "summary": "Stores one event or a batch.",
        "requestBody": {"required": True, "content": {"application/json": body, "text/plain": body}},
        "responses": {"202": _answer("Kafka has stored them.", "Outcome"), **_refusals(_EVENTS_CODES)},
    }


def _preflight() -> Json:
    return {
        "summary": "What a browser asks before a page of another origin sends.",
        "responses": {"204": {"description": "It may."}, **_refusals({"origin_not_allowed"})},
    }


def _pixel() -> Json:
    text: Json = {"type": "string"}
    return {
        "summary": "Stores the one event of the query.",
        "parameters": [{"name": name, "in": "query", "schema": text} for name in QUERY],
        "responses": {
            "200": {"description": "A picture of one pixel.", **_content("image/gif")},
            "422": _answer("The event broke the contract.", "Outcome"),
            **_refusals(_PIXEL_CODES),
        },
    }


def _forget() -> Json:
    return {
        "summary": "Removes the cookie that knows the visitor again.",
        "responses": {"204": {"description": "It is removed."}, **_refusals({"origin_not_allowed", "internal"})},
    }


def _refusals(codes: Iterable[str]) -> Json:
    statuses = groupby(sorted((REFUSALS[code][0], code) for code in codes), key=lambda one: one[0])
    return {
        str(status): _answer("; ".join(f"{code}: {REFUSALS[code][1]}" for _, code in found), "Refusal")
        for status, found in statuses
    }


def _event() -> Json:
    """The contract, with what the collector takes beside it."""
    schema: Json = json.loads((files("pulse") / "schema" / "event-v1.schema.json").read_text(encoding="utf-8"))
    definitions = schema.pop("$defs")
    for name in ("$schema", "$id"):
        del schema[name]
    made: Json = json.loads(json.dumps(schema), object_hook=lambda part: _inlined(part, definitions))
    made["required"] = ["event_type", "timestamp"]
    made["properties"]["sent_at"] = {**_inlined(definitions["time"], definitions), "description": "The sender's clock."}
    return made


def _inlined(part: Json, definitions: Json) -> Json:
    reference = str(part.get("$ref", ""))
    if not reference.startswith("#/$defs/"):
        return part
    return {
        **definitions[reference.rsplit("/", 1)[1]],
        **{name: value for name, value in part.items() if name != "$ref"},
    }


def _batch() -> Json:
    properties = {
        "batch": {"type": "array", "items": _ref("Event")},
        "sent_at": {"type": "string", "format": "date-time"},
    }
    return {"type": "object", "required": ["batch"], "properties": properties}


def _outcome() -> Json:
    count: Json = {"type": "integer", "minimum": 0}
    rejected = {
        "type": "object",
        "required": ["i", "code", "reason"],
        "properties": {"i": count, **{name: {"type": "string"} for name in ("code", "field", "reason")}},
    }
    return {
        "type": "object",
        "required": ["accepted", "rejected"],
        "properties": {"accepted": count, "rejected": {"type": "array", "items": rejected}, "unrecorded": count},
    }


def _refusal() -> Json:
    properties = {"code": {"enum": list(REFUSALS)}, "reason": {"type": "string"}}
    return {"type": "object", "required": ["code", "reason"], "properties": properties}


def _answer(description: str, schema: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}


def _content(kind: str) -> Json:
    return {"content": {kind: {"schema": {}}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
