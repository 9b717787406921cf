"""Plays the operators of Strimzi and CloudNativePG, which cannot be had without an image registry: it writes the status
and the Secrets that they would, in their words, and runs neither Kafka nor Postgres.

What it claims of them is what docs/conditions.md and the verdicts of `pulse_operator.dependencies` rest on, and every
object it writes is held to their real CustomResourceDefinitions by the API server.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from apiserver import ApiServer
from processes import repeating

KAFKA_API, POSTGRES_API = "/apis/kafka.strimzi.io/v1", "/apis/postgresql.cnpg.io/v1"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
PERIOD_SECONDS = 0.1

# The kinds that Pulse makes and these operators answer: plural -> its group.
ANSWERED = {
    "kafkatopics": KAFKA_API,
    "kafkausers": KAFKA_API,
    "databases": POSTGRES_API,
    "databaseroles": POSTGRES_API,
}


@dataclass
class StandIn:
    """Answers in these namespaces, or in all if none is named, until it is told otherwise for an object: `refuse` and
    `ignore` name plural/name."""

    server: ApiServer
    namespaces: tuple[str, ...]
    refuse: dict[str, dict[str, Any]] = field(default_factory=dict)
    ignore: set[str] = field(default_factory=set)
    authority: str = "-----BEGIN CERTIFICATE-----\nMIIBfirst\n-----END CERTIFICATE-----\n"

    def kafka(self, namespace: str, name: str, bootstrap: str, authentication: str | None = None) -> None:
        """A ready Kafka whose listener `tls` leads to `bootstrap`."""
        listener: dict[str, Any] = {"name": "tls", "port": 9093, "type": "internal", "tls": authentication is not None}
        if authentication:
            listener["authentication"] = {"type": authentication}
        body = {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "Kafka",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "kafka": {"listeners": [listener], **({"authorization": {"type": "simple"}} if authentication else {})},
                "entityOperator": {"topicOperator": {}, "userOperator": {}},
            },
        }
        made = self._made(f"{KAFKA_API}/namespaces/{namespace}/kafkas", body)
        told: dict[str, Any] = {"name": "tls", "bootstrapServers": bootstrap}
        if authentication:
            told["certificates"] = [self.authority]
        self.tell(
            f"{KAFKA_API}/namespaces/{namespace}/kafkas/{name}",
            {
                "observedGeneration": made["metadata"]["generation"],
                "conditions": [READY],
                "listeners": [told],
                "clusterId": "Zk5rGm3vSbC1",
            },
        )
        self.secret(namespace, f"{name}-cluster-ca-cert", {"ca.crt": self.authority})

    def cluster(self, namespace: str, name: str) -> None:
        """A healthy Cluster of one instance."""
        body = {
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "Cluster",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"instances": 1, "storage": {"size": "1Gi"}},
        }
        self._made(f"{POSTGRES_API}/namespaces/{namespace}/clusters", body)
        self.tell(
            f"{POSTGRES_API}/namespaces/{namespace}/clusters/{name}",
            {
                "phase": "Cluster in healthy state",
                "conditions": [
                    {**READY, "reason": "ClusterIsReady", "message": ""},
                    {**READY, "type": "Initialized", "reason": "Initialized", "message": ""},
                ],
                "currentPrimary": f"{name}-1",
                "targetPrimary": f"{name}-1",
                "instances": 1,
                "readyInstances": 1,
            },
        )
        self.secret(namespace, f"{name}-ca", {"ca.crt": self.authority})

    def secret(self, namespace: str, name: str, values: dict[str, str], labels: dict[str, str] | None = None) -> None:
        """A Secret with these values, made or replaced."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
            "data": data,
        }
        path = f"/api/v1/namespaces/{namespace}/secrets"
        status, answer = self.server.call("POST", path, body)
        if status == 409:
            status, answer = self.server.call("PUT", f"{path}/{name}", body)
        assert status in (200, 201), answer

    def tell(self, path: str, status: dict[str, Any]) -> None:
        """Writes the status of an object."""
        code, answer = self.server.call("GET", path)
        assert code == 200, answer
        code, answer = self.server.call("PUT", f"{path}/status", {**answer, "status": status})
        assert code in (200, 404, 409), answer

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answers in the background."""
        with repeating(self.answer, PERIOD_SECONDS, "stand-in"):
            yield

    def answer(self) -> None:
        """One look at every object: what was not acted on yet is."""
        for plural, group in ANSWERED.items():
            folders = [f"{group}/namespaces/{namespace}/{plural}" for namespace in self.namespaces]
            for folder in folders or [f"{group}/{plural}"]:
                _, found = self.server.call("GET", folder)
                for raw in found.get("items", ()):
                    key = f"{plural}/{raw['metadata']['name']}"
                    if key not in self.ignore:
                        self._answer_one(group, plural, raw, self.refuse.get(key))

    def _answer_one(self, group: str, plural: str, raw: dict[str, Any], refusal: dict[str, Any] | None) -> None:
        metadata = raw["metadata"]
        folder = f"{group}/namespaces/{metadata['namespace']}/{plural}"
        generation = metadata["generation"]
        status = refusal or _status(plural, raw)
        wanted = {**status, "observedGeneration": generation}
        if raw.get("status") == wanted:
            return
        if plural == "kafkausers" and not refusal:
            self._user_secret(raw)
        self.server.call("PUT", f"{folder}/{metadata['name']}/status", {**raw, "status": wanted})

    def _user_secret(self, raw: dict[str, Any]) -> None:
        metadata = raw["metadata"]
        kind = raw["spec"]["authentication"]["type"]
        values = {"password": f"of-{metadata['name']}", "sasl.jaas.config": "…"}
        if kind == "tls":
            values = {"ca.crt": self.authority, "user.crt": f"certificate of {metadata['name']}", "user.key": "key"}
        self.secret(metadata["namespace"], metadata["name"], values)

    def _made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer = self.server.call("POST", path, body)
        assert status == 201, answer
        return answer


def _status(plural: str, raw: dict[str, Any]) -> dict[str, Any]:
    """What the operator says of an object that it could do."""
    if plural in ("databases", "databaseroles"):
        return {"applied": True}
    status: dict[str, Any] = {"conditions": [READY]}
    if plural == "kafkatopics":
        status["topicName"] = raw["metadata"]["name"]
    else:
        tls = raw["spec"]["authentication"]["type"] == "tls"
        name = raw["metadata"]["name"]
        status |= {"secret": name, "username": f"CN={name}" if tls else name}
    return status
