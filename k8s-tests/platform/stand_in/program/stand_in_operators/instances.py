"""The objects that run a Cluster's instances: a StatefulSet, its Services, its configuration. Pure."""

from __future__ import annotations

import hashlib

from stand_in_operators.failover import Quorum, names
from stand_in_operators.kubernetes import Raw
from stand_in_operators.objects import RESTRICTED_CONTAINER, child

HBA = "local all all peer\nhostssl all all all scram-sha-256\nhostssl replication postgres all scram-sha-256\n"
USER = 26
CLUSTER, ROLE = "cnpg.io/cluster", "cnpg.io/instanceRole"
MOST = 3


def unsupported(cluster: Raw) -> str | None:
    """Why this stand-in cannot run what the resource describes, as a sentence."""
    instances, synchronous = cluster["spec"]["instances"], _synchronous(cluster)
    if instances > MOST:
        return f"the stand-in runs at most {MOST} instances"
    if synchronous.get("dataDurability", "required") != "required":
        return "the stand-in keeps to dataDurability required"
    if {"standbyNamesPre", "standbyNamesPost", "maxStandbyNamesFromCluster"} & set(synchronous):
        return "the stand-in knows of synchronous replication only method, number and dataDurability"
    if synchronous.get("number", 0) >= instances:
        return "a commit cannot wait for more replicas than there are"
    return None


def quorum(cluster: Raw) -> Quorum:
    """What the resource says of replicas."""
    return Quorum(cluster["spec"]["instances"] - 1, _synchronous(cluster).get("number", 0))


def slot(instance: str) -> str:
    """What the primary keeps of its log for one replica is called so."""
    return f"_cnpg_{instance.replace('-', '_')}"


def hosts(cluster: Raw) -> list[str]:
    """Every name that clients may know an instance by, the one of the primary first."""
    name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
    services = [f"{name}-{kind}" for kind in ("rw", "ro", "r")]
    return [f"{service}{end}" for service in services for end in (f".{namespace}.svc", f".{namespace}", "")]


def services(cluster: Raw) -> list[Raw]:
    """To the primary, to the replicas, to any of them."""
    name = cluster["metadata"]["name"]
    ports = [{"name": "postgres", "port": 5432, "targetPort": 5432, "protocol": "TCP"}]
    chosen = {"rw": {ROLE: "primary"}, "ro": {ROLE: "replica"}, "r": {}}
    return [
        child(
            cluster,
            "v1",
            "Service",
            f"{name}-{kind}",
            {CLUSTER: name},
            spec={"selector": {CLUSTER: name, **labels}, "ports": ports},
        )
        for kind, labels in chosen.items()
    ]


def configuration(cluster: Raw) -> Raw:
    """Who may connect how."""
    name = cluster["metadata"]["name"]
    return child(cluster, "v1", "ConfigMap", f"{name}-config", {CLUSTER: name}, data={"pg_hba.conf": HBA})


def stateful_set(cluster: Raw, image: str, certificate: str) -> Raw:
    """One pod and one volume an instance. Which is the primary says a label that changes, so it is not in here."""
    name = cluster["metadata"]["name"]
    labels = {CLUSTER: name}
    size = cluster["spec"].get("storage", {}).get("size", "1Gi")
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    spec = {
        "replicas": cluster["spec"]["instances"],
        "ordinals": {"start": 1},
        "podManagementPolicy": "Parallel",
        "serviceName": f"{name}-r",
        "selector": {"matchLabels": labels},
        "template": _template(cluster, labels, image, certificate),
        # CloudNativePG's data goes with its Cluster too.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }
    return child(cluster, "apps/v1", "StatefulSet", name, labels, spec=spec)


def _template(cluster: Raw, labels: dict[str, str], image: str, certificate: str) -> Raw:
    name = cluster["metadata"]["name"]
    volumes: dict[str, Raw] = {
        "config": {"configMap": {"name": f"{name}-config"}},
        # Postgres takes a key that others may read only if root owns it and the group alone may.
        "server": {"secret": {"secretName": f"{name}-server", "defaultMode": 0o440}},
        "superuser": {"secret": {"secretName": f"{name}-superuser"}},
    }
    container = {
        "name": "postgres",
        "image": image,
        "args": _arguments(cluster),
        "env": [
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NAMESPACE", "value": cluster["metadata"]["namespace"]},
            {"name": "CLUSTER", "value": name},
            {"name": "INSTANCES", "value": " ".join(names(cluster))},
            {"name": "SYNCHRONOUS", "value": _synchronous_words(cluster)},
        ],
        "securityContext": RESTRICTED_CONTAINER,
        "resources": cluster["spec"].get("resources", {}),
        "readinessProbe": {"exec": {"command": ["pg_isready", "--quiet"]}, "periodSeconds": 2, "timeoutSeconds": 2},
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/postgresql/data"},
            *({"name": one, "mountPath": f"/etc/postgres/{one}", "readOnly": True} for one in volumes),
        ],
    }
    return {
        "metadata": {
            "labels": labels,
            "annotations": {"certificate": hashlib.sha256(certificate.encode()).hexdigest()[:16]},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 30,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": one, **source} for one, source in volumes.items()],
        },
    }


def _arguments(cluster: Raw) -> list[str]:
    asked = cluster["spec"].get("postgresql", {}).get("parameters", {})
    return [word for key, value in sorted(asked.items()) for word in ("-c", f"{key}={value}")]


def _synchronous_words(cluster: Raw) -> str:
    """How synchronous_standby_names begins; the names are those of the others, so each instance adds them itself."""
    synchronous = _synchronous(cluster)
    return f"{synchronous['method'].upper()} {synchronous['number']}" if synchronous else ""


def _synchronous(cluster: Raw) -> Raw:
    found: Raw = cluster["spec"].get("postgresql", {}).get("synchronous", {})
    return found
