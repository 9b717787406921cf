"""Raw objects for the operator's tests, held to the real CustomResourceDefinitions of Strimzi and CloudNativePG.

Stricter than an API server in one way: a field that the schema does not know is refused here and not dropped, so that
a misspelt field in a test is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

FOLDER = Path(__file__).parents[2] / "operator" / "tests" / "crds"


@dataclass(frozen=True)
class Case:
    """One raw object, or its absence, and the verdict that is due. `says` must all stand in the message."""

    name: str
    found: Any
    status: str
    reason: str
    says: tuple[str, ...] = ()
    seconds: float = 0.0


def checked(raw: dict[str, Any]) -> dict[str, Any]:
    """The object itself, if the API server would store it as it is."""
    _validator(raw["kind"]).validate(raw)
    return raw


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    for path in FOLDER.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if f"\n    kind: {kind}\n" not in text:
            continue  # reading half a megabyte of YAML takes a second
        definition = yaml.load(text, yaml.CSafeLoader)
        if definition["spec"]["names"]["kind"] == kind:
            (version,) = definition["spec"]["versions"]
            return jsonschema.Draft202012Validator(_closed(version["schema"]["openAPIV3Schema"]))
    raise LookupError(f"no CustomResourceDefinition of {kind} in {FOLDER}")


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with unknown fields refused, except where the API server keeps them."""
    made = dict(schema)
    if "properties" in schema:
        made["properties"] = {name: _closed(inner) for name, inner in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made["additionalProperties"] = False
    if "items" in schema:
        made["items"] = _closed(schema["items"])
    return made
