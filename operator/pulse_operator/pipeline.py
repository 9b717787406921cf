"""A PulsePipeline as the API server holds it, parsed once: its spec as types, and what its metadata says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pulse.checks import spec_mistakes
from pulse.errors import Stop
from pulse.spec import PipelineSpec
from pulse_operator.objects import PAUSED_ANNOTATION, Identity


class SpecInvalid(Stop):
    """The stored spec is not one that this version reads: written before a rule, or by a newer version."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline. `status` is the stored one, as it is."""

    identity: Identity
    spec: PipelineSpec
    generation: int
    version: str  # metadata.resourceVersion
    status: Mapping[str, Any]
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    paused: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.identity.namespace, self.identity.name


def identity_of(raw: Mapping[str, Any]) -> Identity:
    """Who it is, readable whatever its spec holds."""
    metadata = raw["metadata"]
    return Identity(metadata["namespace"], metadata["name"], metadata["uid"])


def parsed(raw: Mapping[str, Any]) -> Pipeline:
    """The pipeline of a raw object. SpecInvalid names every field that this version does not take."""
    metadata = raw["metadata"]
    try:
        spec = msgspec.convert(raw["spec"], PipelineSpec)
    except msgspec.ValidationError as wrong:
        found = "; ".join(str(mistake) for mistake in spec_mistakes(raw["spec"])) or str(wrong)
        raise SpecInvalid(
            f"PulsePipeline {metadata['namespace']}/{metadata['name']}: its spec is not one that this version of "
            f"Pulse reads ({found}). Apply it again, with the CRD of this version."
        ) from wrong
    return Pipeline(
        identity=identity_of(raw),
        spec=spec,
        generation=metadata.get("generation", 0),
        version=metadata.get("resourceVersion", ""),
        status=raw.get("status") or {},
        finalizers=tuple(metadata.get("finalizers", ())),
        deleting="deletionTimestamp" in metadata,
        paused=metadata.get("annotations", {}).get(PAUSED_ANNOTATION) == "true",
    )


def parsed_to_go(raw: Mapping[str, Any]) -> Pipeline:
    """A pipeline that is being deleted. It goes also where its spec is not one that this version reads: only the parts
    that say where its children are, and whether its data goes too, have to be right."""
    try:
        return parsed(raw)
    except SpecInvalid:
        return parsed({**raw, "spec": _places(raw["spec"])})


def _places(spec: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"source": {}, "sink": {}}
    for union, member in (("source", "strimzi"), ("sink", "cloudNativePG")):
        told = spec.get(union, {}).get(member)
        if told is not None:
            found[union] = {member: {name: told[name] for name in ("cluster", "namespace") if name in told}}
    if "deletionPolicy" in spec:
        found["deletionPolicy"] = spec["deletionPolicy"]
    return found
