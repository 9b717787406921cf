"""The metadata of an object, cut down to what the operator needs of it, out of the API server's answers. Pure.

Whole objects are read only where they are used: thousands are watched, and what is kept of each has to stay small.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from sys import intern

import msgspec

from pulse_operator.objects import COMPONENT_LABEL, HASH_ANNOTATION, Kind, Ref, owner_of


class _Controller(msgspec.Struct):
    uid: str = ""
    controller: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Controller] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


class _ListMetadata(msgspec.Struct, rename={"next": "continue", "resource_version": "resourceVersion"}):
    resource_version: str = ""
    next: str = ""


class _Page(msgspec.Struct):
    metadata: _ListMetadata
    items: list[_Object] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct):
    code: int = 500
    message: str = ""


@dataclass(frozen=True, slots=True)
class Meta:
    """What is kept of one object. `controller` is the uid of the owner that controls it, or empty."""

    uid: str
    version: str
    generation: int
    deleting: bool
    created_at: float  # seconds since 1970, by the API server's clock
    owner: tuple[str, str] | None  # namespace and name of the pipeline whose labels it carries
    component: str
    hash: str  # of the manifest that was applied last
    controller: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing; `next` asks for the one after it."""

    objects: dict[Ref, Meta]
    version: str
    next: str


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch: the object is so now, or gone. Without a ref only the version moved on."""

    ref: Ref | None
    meta: Meta | None
    version: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The event that ends a watch early; 410 says that its version is too old."""

    code: int
    message: str


def page(kind: Kind, body: bytes) -> Page:
    """A page of a metadata-only listing, or msgspec.MsgspecError."""
    told = msgspec.json.decode(body, type=_Page)
    objects = dict(_entry(kind, item.metadata) for item in told.items or ())
    return Page(objects, told.metadata.resource_version, told.metadata.next)


def event(kind: Kind, line: bytes) -> Change | Broken:
    """A line of a metadata-only watch, or msgspec.MsgspecError."""
    told = msgspec.json.decode(line, type=_Event)
    if told.type == "ERROR":
        status = msgspec.json.decode(told.object, type=_Status)
        return Broken(status.code, status.message)
    metadata = msgspec.json.decode(told.object, type=_Object).metadata
    if told.type == "BOOKMARK":
        return Change(None, None, metadata.resource_version)
    ref, meta = _entry(kind, metadata)
    return Change(ref, None if told.type == "DELETED" else meta, metadata.resource_version)


def _entry(kind: Kind, told: _Metadata) -> tuple[Ref, Meta]:
    labels = told.labels or {}
    owner = owner_of(labels)
    meta = Meta(
        uid=told.uid,
        version=told.resource_version,
        generation=told.generation,
        deleting=told.deletion_timestamp is not None,
        created_at=told.creation_timestamp.timestamp() if told.creation_timestamp else 0.0,
        owner=(intern(owner[0]), intern(owner[1])) if owner else None,
        component=intern(labels.get(COMPONENT_LABEL, "")) if owner else "",
        hash=(told.annotations or {}).get(HASH_ANNOTATION, ""),
        controller=intern(next((one.uid for one in told.owner_references or () if one.controller), "")),
    )
    return Ref(kind, intern(told.namespace), intern(told.name)), meta
