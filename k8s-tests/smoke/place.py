"""A namespace on the cluster in which a test makes Kafkas and Clusters and looks at what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kind import stand_in
from kind.cluster import Cluster
from kind.commands import CommandError
from patience import eventually

STRIMZI, CNPG = "kafka.strimzi.io/v1", "postgresql.cnpg.io/v1"
CLUSTERS = "clusters.postgresql.cnpg.io"
HEALTHY = "Cluster in healthy state"
SECONDS = 180.0  # ends what does not come; the machine may be busy with others
PERIOD_SECONDS = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """The namespace; `home` is for files."""

    cluster: Cluster
    namespace: str
    home: Path

    def kubectl(self, *words: object) -> str:
        """kubectl in the namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *words)

    def make(self, version: str, kind: str, name: str, spec: dict[str, Any], kafka: str = "") -> None:
        """Applies an object, with the label of a Kafka if it belongs to one."""
        metadata = {"name": name, "labels": {"strimzi.io/cluster": kafka} if kafka else {}}
        file = self.home / f"{kind}-{name}.json"
        file.write_text(json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}))
        self.kubectl("apply", "-f", file)

    def status(self, kind: str, name: str) -> dict[str, Any]:
        """The status of an object; empty if it has none."""
        return json.loads(self.kubectl("get", kind, name, "-o", "json")).get("status") or {}

    def told(self, kind: str, name: str) -> dict[str, Any]:
        """The same, as soon as there is one."""
        return self.until(f"{kind} {name} is answered", lambda: self.status(kind, name))

    def uid(self, pod: str) -> str:
        """Tells a pod from another of its name; empty if there is none."""
        return self.kubectl("get", "pod", pod, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}")

    def kill(self, pod: str) -> None:
        """Ends a pod at once. Not by SIGKILL: it would be back as the primary before anybody misses it."""
        self.kubectl("delete", "pod", pod, "--grace-period=0", "--force")

    def delete(self, pod: str) -> None:
        """Ends a pod that has time to put things in order."""
        self.kubectl("delete", "pod", pod, "--grace-period=30")

    def sql(self, instance: str, statement: str, database: str = "app") -> str:
        """What psql prints as the superuser in an instance of Postgres."""
        psql = ("timeout", "60", "psql", "-d", database, "-Atc", statement)  # a commit may wait for a replica forever
        return self.kubectl("exec", instance, "-c", "postgres", "--", *psql).strip()

    def until(self, what: str, look: Callable[[], T | None]) -> T:
        """What `look` found, as soon as it is something. A command that fails counts as not yet."""
        why = f"in vain until {what}"
        return eventually(why, look, self.dump, SECONDS, PERIOD_SECONDS, (CommandError,))

    def dump(self) -> str:
        """Everything that might say why something did not come."""
        here = ("-n", self.namespace)
        pods = self.kubectl("get", "pods", "-o", "name").split()
        return self.cluster.shown(
            [
                ("get", "pods", *here, "-o", "wide", "--show-labels"),
                ("get", f"{CLUSTERS},kafkas,kafkausers,kafkatopics", *here, "-o", "yaml"),
                ("get", "events", *here, "--sort-by=.lastTimestamp"),
                ("logs", "-n", stand_in.NAMESPACE, "deploy/stand-in", "--tail=60"),
                *(("logs", pod, *here, "--tail=20") for pod in pods),
            ]
        )
