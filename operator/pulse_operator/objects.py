"""Names of Kubernetes objects: which kinds Pulse touches, where they live, and how its own are marked. Pure.

Manifests are plain dictionaries; a `Ref` says which object is meant, without saying what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pulse_operator.crd import GROUP, KIND, PLURAL, VERSION

Manifest: TypeAlias = dict[str, Any]

FIELD_MANAGER = "pulse-operator"
FINALIZER = f"{GROUP}/finalizer"
PAUSED_ANNOTATION = f"{GROUP}/paused"
HASH_ANNOTATION = f"{GROUP}/hash"
PIPELINE_LABEL = f"{GROUP}/pipeline"
NAMESPACE_LABEL = f"{GROUP}/namespace"
COMPONENT_LABEL = "app.kubernetes.io/component"
MANAGED_LABEL = "app.kubernetes.io/managed-by"
OWN_SELECTOR = f"{MANAGED_LABEL}={FIELD_MANAGER}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, in the one version that Pulse speaks."""

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    def __str__(self) -> str:
        return f"{self.name} ({self.api_version})"

    def path(self, namespace: str | None = None) -> str:
        """Where its objects are listed: those of a namespace, or of all."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"


PIPELINE = Kind(f"{GROUP}/{VERSION}", KIND, PLURAL)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
CRON_JOB = Kind("batch/v1", "CronJob", "cronjobs")
JOB = Kind("batch/v1", "Job", "jobs")
POD = Kind("v1", "Pod", "pods")
SERVICE = Kind("v1", "Service", "services")
SECRET = Kind("v1", "Secret", "secrets")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
POD_MONITOR = Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors")
KAFKA = Kind("kafka.strimzi.io/v1", "Kafka", "kafkas")
KAFKA_TOPIC = Kind("kafka.strimzi.io/v1", "KafkaTopic", "kafkatopics")
KAFKA_USER = Kind("kafka.strimzi.io/v1", "KafkaUser", "kafkausers")
CLUSTER = Kind("postgresql.cnpg.io/v1", "Cluster", "clusters")
DATABASE = Kind("postgresql.cnpg.io/v1", "Database", "databases")
DATABASE_ROLE = Kind("postgresql.cnpg.io/v1", "DatabaseRole", "databaseroles")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
EVENT = Kind("v1", "Event", "events")

KINDS = (
    *(PIPELINE, DEPLOYMENT, CRON_JOB, JOB, POD, SERVICE, SECRET, DISRUPTION_BUDGET, NETWORK_POLICY, INGRESS),
    *(AUTOSCALER, POD_MONITOR, KAFKA, KAFKA_TOPIC, KAFKA_USER, CLUSTER, DATABASE, DATABASE_ROLE, LEASE, EVENT),
)
_BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}

# A name that is no such segment would make the path mean another object.
_SEGMENT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?")


def kind_of(manifest: Manifest) -> Kind:
    """The kind of a manifest, or ValueError: Pulse has no business with any other."""
    wanted = (manifest.get("apiVersion", ""), manifest.get("kind", ""))
    if wanted not in _BY_NAME:
        raise ValueError(f"Pulse does not handle {wanted[1]!r} of {wanted[0]!r}: add it to pulse_operator.objects.")
    return _BY_NAME[wanted]


@dataclass(frozen=True, slots=True)
class Ref:
    """One object by its kind and name."""

    kind: Kind
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Manifest) -> Ref:
        """What a manifest describes."""
        metadata = manifest["metadata"]
        return cls(kind_of(manifest), metadata.get("namespace", ""), metadata["name"])

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}" if self.namespace else f"{self.kind.name} {self.name}"

    @property
    def folder(self) -> str:
        """Where it is created, among its like."""
        return self.kind.path(self._segment(self.namespace) if self.kind.namespaced else None)

    @property
    def path(self) -> str:
        """Where the object is read and written."""
        return f"{self.folder}/{self._segment(self.name)}"

    def _segment(self, text: str) -> str:
        if not _SEGMENT.fullmatch(text):
            raise ValueError(f"{self} cannot be asked for: {text!r} is no name of an object or a namespace.")
        return text


@dataclass(frozen=True, slots=True)
class Identity:
    """One pipeline. The uid tells it from an earlier one of the same name."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def ref(self) -> Ref:
        """The PulsePipeline itself."""
        return Ref(PIPELINE, self.namespace, self.name)


def labels(identity: Identity, component: str) -> dict[str, str]:
    """What marks a child: whose it is, and which part of it."""
    return {
        "app.kubernetes.io/name": "pulse",
        "app.kubernetes.io/instance": identity.name,
        COMPONENT_LABEL: component,
        MANAGED_LABEL: FIELD_MANAGER,
        PIPELINE_LABEL: identity.name,
        NAMESPACE_LABEL: identity.namespace,
    }


def owner_of(marks: Mapping[str, str]) -> tuple[str, str] | None:
    """Namespace and name of the pipeline that an object with these labels belongs to, if it is Pulse's."""
    if marks.get(MANAGED_LABEL) != FIELD_MANAGER:
        return None
    namespace, name = marks.get(NAMESPACE_LABEL), marks.get(PIPELINE_LABEL)
    return (namespace, name) if namespace and name else None


def owned(live: Manifest, identity: Identity) -> bool:
    """Whether an object that exists is this pipeline's: marked as such, and controlled by nothing else.

    What outlives a pipeline (topics, databases) carries no owner reference and is taken over by the next one of that
    name; what the last one controlled is about to be collected and is not.
    """
    metadata = live.get("metadata", {})
    if owner_of(metadata.get("labels") or {}) != (identity.namespace, identity.name):
        return False
    controllers = [one for one in metadata.get("ownerReferences") or () if one.get("controller")]
    return all(one.get("uid") == identity.uid for one in controllers)


def owner_reference(identity: Identity) -> dict[str, Any]:
    """For workloads in the pipeline's own namespace: they are collected with it."""
    return {
        "apiVersion": PIPELINE.api_version,
        "kind": PIPELINE.name,
        "name": identity.name,
        "uid": identity.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
