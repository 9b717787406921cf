"""Pipelines without what differs from one to the next by its nature, so that two lives can be compared."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from world import Place

from pulse.facts import ROLES
from pulse_operator import objects
from pulse_operator.objects import HASH_ANNOTATION

Picture = dict[str, str]


def picture(place: Place) -> Picture:
    """Everything there is of a pipeline, without what differs from one to the next by its nature."""
    found = place.children()
    names = {f"<password of {role}>": text for role, text in passwords(place).items()} | {
        "<namespace>": place.namespace
    }
    pipeline = place.read(place.pipeline)
    if pipeline is not None:
        names["<uid>"] = pipeline["metadata"]["uid"]
        found["status"] = told(place)
    pictures = {
        _plain(name, names): _plain(json.dumps(_asked(raw), sort_keys=True), names) for name, raw in found.items()
    }
    assert len(pictures) == len(found), f"There is something twice: {sorted(found)}"
    return pictures


def told(place: Place) -> dict[str, Any]:
    status = place.status()
    conditions = [[one[part] for part in ("type", "status", "reason")] for one in status.get("conditions", ())]
    return {"metadata": {}, "phase": status.get("phase"), "conditions": conditions}


def passwords(place: Place) -> dict[str, str]:
    """Those that are in Secrets now."""
    found = {role: place.read(place.ref(objects.SECRET, f"db-{role}")) for role in ROLES}
    return {role: base64.b64decode(raw["data"]["password"]).decode() for role, raw in found.items() if raw is not None}


def _asked(raw: dict[str, Any]) -> dict[str, Any]:
    metadata = raw["metadata"]
    notes = {name: value for name, value in metadata.get("annotations", {}).items() if name != HASH_ANNOTATION}
    notes.pop("deployment.kubernetes.io/revision", None)
    kept = {name: value for name, value in raw.items() if name not in ("metadata", "status")}
    if "data" in kept:
        kept["data"] = {name: base64.b64decode(value).decode() for name, value in kept["data"].items()}
    owners = [(one["kind"], one["name"], one["uid"]) for one in metadata.get("ownerReferences", ())]
    going = "deletionTimestamp" in metadata
    return {**kept, "labels": metadata.get("labels"), "notes": notes, "owners": owners, "going": going}


def _plain(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(value, name)
    text = re.sub(r"(pulse.dev/credentials\": \")[0-9a-f]{16}", r"\1<fingerprint>", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<made by a controller>", text)
    return re.sub(r"(-migrate-)[0-9a-f]{8}", r"\1<hash>", text)


def settled(place: Place) -> bool:
    """Whether an operator has nothing more to do for it."""
    pipeline = place.read(place.pipeline)
    if pipeline is None:
        return True
    if "deletionTimestamp" in pipeline["metadata"]:
        return False
    status = pipeline.get("status", {})
    known = {one["type"]: one["status"] for one in status.get("conditions", ())}
    current = status.get("observedGeneration") == pipeline["metadata"]["generation"]
    return current and known.get("SchemaMigrated") == known.get("ConsumerAvailable") == "True"
