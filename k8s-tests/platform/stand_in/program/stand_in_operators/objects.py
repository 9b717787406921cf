"""What every object that the stand-in makes or answers has in common. Pure."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from stand_in_operators.kubernetes import Raw

KAFKA_API, POSTGRES_API = "/apis/kafka.strimzi.io/v1", "/apis/postgresql.cnpg.io/v1"
CLUSTER_LABEL = "strimzi.io/cluster"
RESTRICTED_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def folder(api: str, namespace: str, plural: str) -> str:
    """Where objects of a kind are, in a namespace."""
    return f"{api}/namespaces/{namespace}/{plural}"


def own_path(api: str, plural: str, raw: Raw) -> str:
    """Where an object is."""
    return f"{folder(api, raw['metadata']['namespace'], plural)}/{raw['metadata']['name']}"


def child(
    owner: Raw, api_version: str, kind: str, name: str, labels: Mapping[str, str] | None = None, **rest: Any
) -> Raw:
    """An object that goes when its owner goes."""
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    made = {"name": name, "namespace": metadata["namespace"], "ownerReferences": [reference]}
    return {"apiVersion": api_version, "kind": kind, "metadata": {**made, "labels": {**(labels or {})}}, **rest}


def encoded(values: Mapping[str, str]) -> dict[str, str]:
    """The data of a Secret."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def decoded(secret: Raw) -> dict[str, str]:
    """What a Secret holds."""
    return {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}


def condition(raw: Raw, kind: str, value: str, **rest: str) -> Raw:
    """A condition; its time stays that of the one before if they say the same."""
    for old in raw.get("status", {}).get("conditions", ()):
        if old["type"] == kind and old["status"] == value:
            return {**rest, "type": kind, "status": value, "lastTransitionTime": old["lastTransitionTime"]}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {**rest, "type": kind, "status": value, "lastTransitionTime": now}
