"""Comparing objects: what a patch has to say, whether a live object is as it was asked to be. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pulse_operator.objects import HASH_ANNOTATION, Manifest


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7396) that makes `new` of `old`; lists are replaced whole."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = difference(before, value)
            if inner:
                patch[name] = inner
        elif before != value:
            patch[name] = value
    return patch


def contains(live: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is in the live object. What others added to it is theirs.

    Lists of named things (containers, ports, variables) are matched by name, as the API server merges them.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            name in live and contains(live[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not isinstance(live, list):
            return False
        if wanted and all(isinstance(item, Mapping) and "name" in item for item in wanted):
            named = {item.get("name"): item for item in live if isinstance(item, Mapping)}
            return all(contains(named.get(item["name"]), item) for item in wanted)
        return len(live) == len(wanted) and all(contains(*pair) for pair in zip(live, wanted, strict=True))
    return bool(live == wanted)


def fingerprint(manifest: Manifest) -> str:
    """A short hash of what is asked for: another one means that fields may have to go, not only come."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_fingerprint(manifest: Manifest) -> Manifest:
    """The manifest that carries its own fingerprint."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), HASH_ANNOTATION: fingerprint(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def carried(live: Mapping[str, Any]) -> str | None:
    """The fingerprint that a live object carries."""
    found: str | None = (live.get("metadata", {}).get("annotations") or {}).get(HASH_ANNOTATION)
    return found
