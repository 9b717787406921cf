"""A Kafka and its KafkaNodePool: one real broker on a volume, its certificates, its Services, its status."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import uuid
from functools import partial
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stand_in_operators import certificates
from stand_in_operators.certificates import Pair
from stand_in_operators.kubernetes import Kubernetes, Raw
from stand_in_operators.listeners import ADMIN_PORT, LOG4J, Names, properties, unsupported
from stand_in_operators.objects import (
    CLUSTER_LABEL,
    KAFKA_API,
    RESTRICTED_CONTAINER,
    child,
    condition,
    encoded,
    folder,
    own_path,
)
from stand_in_operators.surviving import survive

ANSWER_SECONDS = 5.0
USER = 65532


class Brokers:
    """Every Kafka of the cluster, and a client that may do everything on each that answers."""

    def __init__(self, kubernetes: Kubernetes, image: str) -> None:
        self._kubernetes, self._image = kubernetes, image
        self._admins: dict[tuple[str, str], AdminClient] = {}
        self._home = Path(tempfile.mkdtemp())

    def keep(self) -> dict[tuple[str, str], AdminClient]:
        """Brings every Kafka nearer to what it shall be; (namespace, name) -> a client for those that are ready."""
        ready = {}
        pools = self._kubernetes.listed(f"{KAFKA_API}/kafkanodepools")
        for kafka in self._kubernetes.listed(f"{KAFKA_API}/kafkas"):
            metadata = kafka["metadata"]
            if "deletionTimestamp" not in metadata:
                theirs = [pool for pool in pools if _belongs(pool, metadata)]
                client = survive(partial(self._keep_one, kafka, theirs))
                if client:
                    ready[metadata["namespace"], metadata["name"]] = client
        return ready

    def _keep_one(self, kafka: Raw, pools: list[Raw]) -> AdminClient | None:
        path = own_path(KAFKA_API, "kafkas", kafka)
        refusal = unsupported(kafka, pools)
        if refusal:
            self._kubernetes.tell(path, kafka, _not_ready(kafka, "InvalidResourceException", refusal))
            return None
        metadata = kafka["metadata"]
        names = Names(metadata["name"], pools[0]["metadata"]["name"], metadata["namespace"])
        ca = certificates.authority(
            self._kubernetes, kafka, f"{names.cluster}-cluster-ca-cert", f"{names.cluster}-cluster-ca"
        )
        self._run(kafka, pools[0], names, ca)
        client = self._client(kafka, names, ca)
        if not _answers(client):
            self._kubernetes.tell(path, kafka, _not_ready(kafka, "Creating", "Kafka cluster is being deployed"))
            return None
        self._kubernetes.tell(path, kafka, _ready(kafka, names, ca))
        return client

    def _run(self, kafka: Raw, pool: Raw, names: Names, ca: Pair) -> None:
        broker = f"{names.cluster}-kafka"
        own = certificates.issued(self._kubernetes, kafka, f"{names.broker}-certificate", ca, broker, hosts=names.hosts)
        settings = properties(kafka, names, (broker, _administrator(names)))
        files = {
            "server.properties": "".join(f"{key}={value}\n" for key, value in settings.items()),
            "log4j2.properties": LOG4J,
            "broker.pem": own.key + own.certificate,
            "ca.crt": ca.certificate,
            "cluster.id": _cluster_id(kafka),
        }
        core, apps = (folder(api, names.namespace, "") for api in ("/api/v1", "/apis/apps/v1"))
        labels = {
            CLUSTER_LABEL: names.cluster,
            "strimzi.io/kind": "Kafka",
            "strimzi.io/name": f"{names.cluster}-kafka",
            "strimzi.io/pool-name": names.pool,
        }
        secret = child(kafka, "v1", "Secret", f"{names.broker}-files", labels, data=encoded(files))
        self._kubernetes.ensure(f"{core}secrets", secret)
        ports = {f"tcp-{one['name']}": one["port"] for one in kafka["spec"]["kafka"]["listeners"]}
        for name, spec in (
            (names.bootstrap, {"ports": _ports(ports)}),
            (
                names.headless,
                {
                    "ports": _ports({**ports, "tcp-admin": ADMIN_PORT}),
                    "clusterIP": "None",
                    "publishNotReadyAddresses": True,
                },
            ),
        ):
            service = child(kafka, "v1", "Service", name, labels, spec={"selector": labels, **spec})
            self._kubernetes.ensure(f"{core}services", service)
        self._kubernetes.ensure(f"{apps}statefulsets", _broker(kafka, pool, names, labels, self._image, files))

    def _client(self, kafka: Raw, names: Names, ca: Pair) -> AdminClient:
        name = _administrator(names)
        own = certificates.issued(self._kubernetes, kafka, name, ca, name)
        # The files' names tell one authority from the next: a client keeps those that it began with.
        key = (kafka["metadata"]["uid"], hashlib.sha256(own.certificate.encode()).hexdigest()[:12])
        if key not in self._admins:
            home = self._home / "-".join(key)
            home.mkdir()
            for file, text in (("ca.crt", ca.certificate), ("own.crt", own.certificate), ("own.key", own.key)):
                (home / file).write_text(text)
            self._admins[key] = AdminClient(
                {
                    "bootstrap.servers": f"{names.host}:{ADMIN_PORT}",
                    "security.protocol": "ssl",
                    "ssl.ca.location": str(home / "ca.crt"),
                    "ssl.certificate.location": str(home / "own.crt"),
                    "ssl.key.location": str(home / "own.key"),
                    "reconnect.backoff.max.ms": 1000,
                    "log_level": 0,
                }
            )
        return self._admins[key]


def _belongs(pool: Raw, kafka: Raw) -> bool:
    metadata = pool["metadata"]
    same = metadata["namespace"] == kafka["namespace"]
    return bool(same and metadata.get("labels", {}).get(CLUSTER_LABEL) == kafka["name"])


def _administrator(names: Names) -> str:
    return f"{names.cluster}-stand-in"


def _answers(client: AdminClient) -> bool:
    try:
        return bool(client.list_topics(timeout=ANSWER_SECONDS).brokers)
    except KafkaException:
        return False


def _cluster_id(kafka: Raw) -> str:
    """Another Kafka of the same name is another cluster."""
    return base64.urlsafe_b64encode(uuid.UUID(kafka["metadata"]["uid"]).bytes).rstrip(b"=").decode().replace("-", "A")


def _ports(ports: dict[str, int]) -> list[Raw]:
    return [{"name": name, "port": port, "targetPort": port, "protocol": "TCP"} for name, port in ports.items()]


def _broker(kafka: Raw, pool: Raw, names: Names, labels: dict[str, str], image: str, files: dict[str, str]) -> Raw:
    text = "".join(files.values()).encode()
    template = {
        # A broker reads its files when it starts, so other files make another pod.
        "metadata": {"labels": labels, "annotations": {"files": hashlib.sha256(text).hexdigest()[:16]}},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 30,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "kafka",
                    "image": image,
                    "securityContext": RESTRICTED_CONTAINER,
                    "resources": {"requests": {"memory": "512Mi"}, "limits": {"memory": "1Gi"}},
                    "readinessProbe": {"tcpSocket": {"port": ADMIN_PORT}, "periodSeconds": 2},
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/var/lib/kafka"},
                        {"name": "files", "mountPath": "/etc/kafka", "readOnly": True},
                    ],
                }
            ],
            "volumes": [{"name": "files", "secret": {"secretName": f"{names.broker}-files"}}],
        },
    }
    storage = pool["spec"]["storage"]
    size = (storage["volumes"][0] if "volumes" in storage else storage).get("size", "1Gi")
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return child(
        kafka,
        "apps/v1",
        "StatefulSet",
        names.broker,
        labels,
        spec={
            "replicas": 1,
            "serviceName": names.headless,
            "selector": {"matchLabels": labels},
            "template": template,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    )


def _not_ready(kafka: Raw, reason: str, message: str) -> Raw:
    """As Strimzi says it: a condition NotReady that is True, in place of Ready."""
    told = condition(kafka, "NotReady", "True", reason=reason, message=message)
    return {"observedGeneration": kafka["metadata"]["generation"], "conditions": [told]}


def _ready(kafka: Raw, names: Names, ca: Pair) -> Raw:
    told = []
    for listener in kafka["spec"]["kafka"]["listeners"]:
        host = names.address(listener).rpartition(":")[0]
        address = {"host": host, "port": listener["port"]}
        one = {"name": listener["name"], "bootstrapServers": names.address(listener), "addresses": [address]}
        told.append({**one, "certificates": [ca.certificate]} if listener["tls"] else one)
    return {
        "observedGeneration": kafka["metadata"]["generation"],
        "conditions": [condition(kafka, "Ready", "True")],
        "listeners": told,
        "clusterId": _cluster_id(kafka),
        "kafkaNodePools": [{"name": names.pool}],
    }
