"""The pipeline of examples/minimal.yaml as a person sees it who follows the README: kubectl, and psql in the database.

Waits have a name and an end; what does not come in time is shown with everything that might say why.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kind import platforms
from kind.cluster import Cluster
from kind.commands import CommandError, run
from programs import program

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMANDS = ROOT / ".venv" / "bin"
POSTGRES = "cluster.postgresql.cnpg.io/postgres"
RELEASES = (
    "pulse",
    "analytics",
)  # where the operator runs, first and after it has moved; each is the release's name too

# Patience costs nothing where things go well; the machine may be busy with others.
SECONDS = {
    "platform": 240.0,  # a broker and a database from nothing
    "pipeline": 240.0,  # from apply to Ready: topics, roles, migration, consumers
    "pods": 120.0,  # pods come or go
    "lag": 120.0,  # the autoscaler has looked a few times
    "scaling": 180.0,  # its quiet after pods came, then a decision and a new pod
    "drained": 180.0,  # consumers have read all that there is
    "dbt": 240.0,
    "gone": 120.0,
}
PERIOD_SECONDS = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class Shop:
    """The pipeline `shop` and its namespace."""

    cluster: Cluster
    namespace: str

    def kubectl(self, *words: object) -> str:
        """kubectl in the pipeline's namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *words)

    def pulse(self, *words: object) -> str:
        """`kubectl pulse`, the plugin as `make setup` makes it."""
        found = {"KUBECONFIG": str(self.cluster.kubeconfig), "PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"}
        command = program("kubectl", self.cluster.cache)
        return run(command, "pulse", *words, "--namespace", self.namespace, env={**os.environ, **found})

    def got(self, *words: object) -> Any:
        """`kubectl get` as data; None if it is not there."""
        said = self.kubectl("get", *words, "--ignore-not-found", "-o", "json")
        return json.loads(said) if said else None

    def named(self, kinds: str) -> set[str]:
        """All objects of these kinds, as kind/name."""
        return set(self.kubectl("get", kinds, "--ignore-not-found", "-o", "name").split())

    def status(self) -> dict[str, Any]:
        """The pipeline's status; empty if it has none."""
        return (self.got("pp", "shop") or {}).get("status") or {}

    def condition(self, name: str) -> tuple[str, str]:
        """The status and the reason of a condition."""
        for one in self.status().get("conditions", ()):
            if one["type"] == name:
                return one["status"], one["reason"]
        return "absent", ""

    def change(self, spec: Mapping[str, Any]) -> None:
        """Changes fields of the pipeline's spec."""
        self.kubectl("patch", "pp", "shop", "--type=merge", "-p", json.dumps({"spec": spec}))

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of a component that are not being deleted."""
        labels = f"app.kubernetes.io/instance=shop,app.kubernetes.io/component={component}"
        found = self.got("pods", "-l", labels) or {"items": []}
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self, component: str) -> list[str]:
        """The names of those that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods(component) if _is_ready(pod)]

    def sql(self, statement: str, database: str = "shop") -> list[list[str]]:
        """Rows of a database, as its superuser sees them on whichever instance is the primary."""
        primary = self.kubectl("get", POSTGRES, "-o", "jsonpath={.status.currentPrimary}")
        psql = ("psql", "-d", database, "-At", "-F", "|", "-c", statement)
        return [line.split("|") for line in self.kubectl("exec", primary, "-c", "postgres", "--", *psql).splitlines()]

    def number(self, statement: str) -> int:
        """The one number that a statement gives."""
        return int(self.sql(statement)[0][0])

    def end_offsets(self) -> dict[int, int]:
        """How far each partition of the events topic reaches, asked of Kafka by a consumer's own log-in."""
        said = self.kubectl("exec", "deploy/shop-consumer", "--", "python3", "-c", _ENDS)
        return {int(partition): end for partition, end in json.loads(said).items()}

    def until(self, patience: str, what: str, look: Callable[[], T | None]) -> T:
        """What `look` found, as soon as it is something. A command that fails counts as not yet."""
        deadline = time.monotonic() + SECONDS[patience]
        failed: CommandError | None = None
        while True:
            try:
                found = look()
            except CommandError as error:
                found, failed = None, error
            if found:
                return found
            if time.monotonic() > deadline:
                waited = f"Waited {SECONDS[patience]:.0f} s ({patience}) in vain until {what}."
                raise AssertionError(f"{waited}\n{failed or ''}\n{self.dump()}")
            time.sleep(PERIOD_SECONDS)

    def until_ready(self) -> None:
        """Returns once the operator says of the latest spec that all is well."""
        self.until("pipeline", "shop is Ready", self.is_ready)

    def is_ready(self) -> bool:
        """Whether the operator says of the latest spec that all is well."""
        found = self.got("pp", "shop") or {}
        told = found.get("status") or {}
        current = told.get("observedGeneration") == found.get("metadata", {}).get("generation")
        return current and self.condition("Ready")[0] == "True"

    def dump(self) -> str:
        """Everything that might say why something did not come."""
        looks = [
            ("get", "pods,jobs,deployments,statefulsets", "-A", "-o", "wide"),
            ("get", "pp", "shop", "-n", self.namespace, "-o", "yaml"),
            ("get", "events", "-n", self.namespace, "--sort-by=.lastTimestamp"),
            *(("logs", "-n", namespace, "-l", label, "--tail=60") for namespace, label in platforms.PODS),
            *(("logs", "-n", one, "-l", "app.kubernetes.io/component=operator", "--tail=60") for one in RELEASES),
        ]
        parts = ("consumer", "migrate", "simulator", "transform")
        looks += [
            ("logs", "-n", self.namespace, "-l", f"app.kubernetes.io/component={part}", "--tail=20", "--prefix")
            for part in parts
        ]
        said = []
        for words in looks:
            try:
                said.append(f"$ kubectl {' '.join(words)}\n{self.cluster.kubectl(*words)}")
            except CommandError as failed:
                said.append(str(failed))
        return "\n\n".join(said)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    told = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in told)


_ENDS = """
import json, os
from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec
from pulse.adapters import kafka
from pulse.settings import ConsumerSettings
settings = ConsumerSettings.from_env(os.environ)
client = kafka.admin(settings.kafka)
topic = settings.topics.events
partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
asked = client.list_offsets({TopicPartition(topic, number): OffsetSpec.latest() for number in partitions})
print(json.dumps({place.partition: found.result(10).offset for place, found in asked.items()}))
"""
