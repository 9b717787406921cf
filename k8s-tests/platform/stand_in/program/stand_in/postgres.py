"""A CloudNativePG Cluster: one real Postgres on a volume, its certificate, its Service, its status."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from stand_in import certificates
from stand_in.certificates import Pair
from stand_in.kubernetes import Kubernetes, Raw
from stand_in.objects import (
    POSTGRES_API,
    RESTRICTED_CONTAINER,
    child,
    condition,
    decoded,
    encoded,
    folder,
    own_path,
)

HBA = "local all all peer\nhost all all all scram-sha-256\n"
USER = 26
ANSWER_SECONDS = 5
HEALTHY = "Cluster in healthy state"

Connection = psycopg.Connection[tuple[Any, ...]]


class Servers:
    """Every Cluster, and a connection as the superuser to each that answers."""

    def __init__(self, kubernetes: Kubernetes, image: str) -> None:
        self._kubernetes, self._image = kubernetes, image
        self._connections: dict[str, Connection] = {}
        self._home = Path(tempfile.mkdtemp())

    def keep(self) -> dict[tuple[str, str], Connection]:
        """Brings every Cluster nearer to what it shall be; (namespace, name) -> a connection to each that is ready."""
        ready = {}
        for cluster in self._kubernetes.listed(f"{POSTGRES_API}/clusters"):
            metadata = cluster["metadata"]
            if "deletionTimestamp" not in metadata:
                connection = self._keep_one(cluster)
                if connection:
                    ready[metadata["namespace"], metadata["name"]] = connection
        return ready

    def _keep_one(self, cluster: Raw) -> Connection | None:
        path = own_path(POSTGRES_API, "clusters", cluster)
        if cluster["spec"]["instances"] != 1:
            reason = "the stand-in runs one instance"
            self._kubernetes.tell(path, cluster, {"phase": "Invalid cluster definition", "phaseReason": reason})
            return None
        name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
        ca = certificates.authority(self._kubernetes, cluster, f"{name}-ca", f"{name}-ca")
        password = self._superuser(cluster)
        self._run(cluster, ca)
        host = f"{name}-rw.{namespace}.svc"
        connection = self._connected(cluster["metadata"]["uid"], host, password, ca)
        self._kubernetes.tell(path, cluster, _status(cluster, connection is not None))
        return connection

    def _superuser(self, cluster: Raw) -> str:
        where = folder("/api/v1", cluster["metadata"]["namespace"], "secrets")
        name = f"{cluster['metadata']['name']}-superuser"
        kept = self._kubernetes.found(f"{where}/{name}")
        if kept:
            return decoded(kept)["password"]
        values = {"username": "postgres", "password": secrets.token_urlsafe(24)}
        secret = child(cluster, "v1", "Secret", name, type="kubernetes.io/basic-auth", data=encoded(values))
        self._kubernetes.ensure(where, secret)
        return values["password"]

    def _run(self, cluster: Raw, ca: Pair) -> None:
        name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
        hosts = (f"{name}-rw", f"{name}-rw.{namespace}", f"{name}-rw.{namespace}.svc")
        own = certificates.issued(self._kubernetes, cluster, f"{name}-server", ca, f"{name}-rw", hosts)
        labels = {"cnpg.io/cluster": name, "cnpg.io/instanceRole": "primary"}
        core, apps = (folder(api, namespace, "") for api in ("/api/v1", "/apis/apps/v1"))
        config = child(cluster, "v1", "ConfigMap", f"{name}-config", labels, data={"pg_hba.conf": HBA})
        self._kubernetes.ensure(f"{core}configmaps", config)
        ports = [{"name": "postgres", "port": 5432, "targetPort": 5432, "protocol": "TCP"}]
        service = child(cluster, "v1", "Service", f"{name}-rw", labels, spec={"selector": labels, "ports": ports})
        self._kubernetes.ensure(f"{core}services", service)
        self._kubernetes.ensure(f"{apps}statefulsets", _server(cluster, labels, self._image, own))

    def _connected(self, uid: str, host: str, password: str, ca: Pair) -> Connection | None:
        kept = self._connections.get(uid)
        try:
            if kept:
                kept.execute("select 1")
                return kept
            file = self._home / f"{uid}.crt"
            file.write_text(ca.certificate)
            self._connections[uid] = psycopg.connect(
                host=host,
                user="postgres",
                password=password,
                dbname="postgres",
                sslmode="verify-full",
                sslrootcert=str(file),
                connect_timeout=ANSWER_SECONDS,
                autocommit=True,
            )
            return self._connections[uid]
        except psycopg.OperationalError:
            self._connections.pop(uid, None)
            return None


def _server(cluster: Raw, labels: dict[str, str], image: str, own: Pair) -> Raw:
    name = cluster["metadata"]["name"]
    asked = cluster["spec"].get("postgresql", {}).get("parameters", {})
    volumes: dict[str, Raw] = {
        "config": {"configMap": {"name": f"{name}-config"}},
        # Postgres takes a key that others may read only if root owns it and the group alone may.
        "server": {"secret": {"secretName": f"{name}-server", "defaultMode": 0o440}},
        "superuser": {"secret": {"secretName": f"{name}-superuser"}},
    }
    container = {
        "name": "postgres",
        "image": image,
        "args": [word for key, value in sorted(asked.items()) for word in ("-c", f"{key}={value}")],
        "securityContext": RESTRICTED_CONTAINER,
        "resources": cluster["spec"].get("resources", {}),
        "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/postgresql/data"},
            *({"name": one, "mountPath": f"/etc/postgres/{one}", "readOnly": True} for one in volumes),
        ],
    }
    template = {
        "metadata": {
            "labels": labels,
            "annotations": {"certificate": hashlib.sha256(own.certificate.encode()).hexdigest()[:16]},
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
    size = cluster["spec"].get("storage", {}).get("size", "1Gi")
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    spec = {
        "replicas": 1,
        "ordinals": {"start": 1},
        "serviceName": f"{name}-rw",
        "selector": {"matchLabels": labels},
        "template": template,
        # CloudNativePG's data goes with its Cluster too.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
    }
    return child(cluster, "apps/v1", "StatefulSet", name, labels, spec=spec)


def _status(cluster: Raw, answers: bool) -> Raw:
    """As CloudNativePG says it. Initialized is said once and never taken back."""
    name = f"{cluster['metadata']['name']}-1"
    old = cluster.get("status", {})
    begun = answers or any(one["type"] == "Initialized" for one in old.get("conditions", ()))
    phase = HEALTHY if answers else "Waiting for the instances to become active" if begun else "Setting up primary"
    ready = (
        condition(cluster, "Ready", "True", reason="ClusterIsReady", message="Cluster is Ready")
        if answers
        else condition(cluster, "Ready", "False", reason="ClusterIsNotReady", message="Cluster Is Not Ready")
    )
    said = [ready]
    if begun:
        said.append(
            condition(cluster, "Initialized", "True", reason="Initialized", message="The cluster is initialized")
        )
    return {
        "phase": phase,
        "conditions": said,
        "instances": 1,
        "readyInstances": 1 if answers else 0,
        **({"currentPrimary": name, "targetPrimary": name} if begun else {}),
    }
