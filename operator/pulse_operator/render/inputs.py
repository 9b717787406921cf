"""What every manifest is made from, and the frame that all of them share: names, labels, owner. Pure.

A part of the rendering gives manifests, or the `Ref` of one that is wanted but cannot be made yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from msgspec import UNSET

from pulse.facts import Decision, Facts
from pulse.spec import CloudNativePGSink, PipelineSpec, StrimziSource
from pulse_operator.objects import Identity, Kind, Manifest, Ref, labels, owner_reference

# A manifest, or which one is withheld because its inputs are not known yet.
Wanted: TypeAlias = Manifest | Ref


@dataclass(frozen=True, slots=True)
class Inputs:
    """One pipeline, and all that is known and decided about it."""

    identity: Identity
    spec: PipelineSpec
    facts: Facts
    decision: Decision

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def strimzi(self) -> StrimziSource | None:
        """The source if Strimzi runs it."""
        return None if self.spec.source.strimzi is UNSET else self.spec.source.strimzi

    @property
    def cloud_native_pg(self) -> CloudNativePGSink | None:
        """The sink if CloudNativePG runs it."""
        return None if self.spec.sink.cloud_native_pg is UNSET else self.spec.sink.cloud_native_pg

    @property
    def startable(self) -> bool:
        """Whether what writes to the database may be rendered: its schema is there, or nothing will run anyhow.

        The latter so that a pipeline can be told to rest while a migration does not succeed.
        """
        return self.facts.migrated or self.decision.suspended

    def home(self, kind: Kind, suffix: str) -> Ref:
        """An object of the pipeline in its own namespace."""
        return Ref(kind, self.identity.namespace, f"{self.name}-{suffix}")


def workload(inputs: Inputs, ref: Ref, component: str, **body: Any) -> Manifest:
    """A manifest of something that goes with its pipeline."""
    made = _manifest(inputs, ref, component, body)
    made["metadata"]["ownerReferences"] = [owner_reference(inputs.identity)]
    return made


def lasting(inputs: Inputs, ref: Ref, component: str, marks: dict[str, str] | None = None, **body: Any) -> Manifest:
    """A manifest of something that holds data or the way to it: it has no owner, so nothing collects it by itself."""
    made = _manifest(inputs, ref, component, body)
    made["metadata"]["labels"].update(marks or {})
    return made


def selector(inputs: Inputs, component: str) -> dict[str, str]:
    """The labels that pick the pods of one component. They never change: a Deployment's selector cannot."""
    wanted = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")
    return {key: value for key, value in labels(inputs.identity, component).items() if key in wanted}


def _manifest(inputs: Inputs, ref: Ref, component: str, body: dict[str, Any]) -> Manifest:
    return {
        "apiVersion": ref.kind.api_version,
        "kind": ref.kind.name,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": labels(inputs.identity, component)},
        **body,
    }
