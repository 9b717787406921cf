"""A pipeline as a person sees it who follows the README: kubectl, and psql in the database.

Waits have a name and an end; what does not come in time is shown with everything that might say why.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kind import platforms
from kind.cluster import Cluster
from kind.commands import CommandError, run
from patience import eventually
from programs import program

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMANDS = ROOT / ".venv" / "bin"
SCRIPTS = Path(__file__).parent / "scripts"  # what runs inside pods
POSTGRES = "cluster.postgresql.cnpg.io/postgres"
# The pod of Strimzi's topic and user operators is of the same cluster and kind, under another name.
BROKER = "strimzi.io/cluster=kafka,strimzi.io/name=kafka-kafka"

# Patience costs nothing where things go well; the machine may be busy with others.
SECONDS = {
    "platform": 240.0,  # a broker and a database from nothing
    "pipeline": 240.0,  # from apply to Ready: topics, roles, migration, consumers
    "pods": 120.0,  # pods come or go
    "lag": 120.0,  # the autoscaler has looked a few times
    "scaling": 180.0,  # its quiet after pods came, then a decision and a new pod
    "drained": 180.0,  # consumers have read all that there is
    "dbt": 240.0,
    "metabase": 900.0,  # an image of a few hundred megabytes, and a first start
    "gone": 120.0,
    "failover": 180.0,  # the primary is missed, a replica takes over
}
PERIOD_SECONDS = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class Shop:
    """A pipeline, its namespace, and the one of its Kafka and Postgres if that is another."""

    cluster: Cluster
    namespace: str
    name: str = "shop"
    home: str = ""
    operators: tuple[str, ...] = ()  # namespaces that may have Pulse's operator, for what is shown of a failure

    def kubectl(self, *words: object) -> str:
        """kubectl in the pipeline's namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *words)

    def kubectl_at_home(self, *words: object) -> str:
        """kubectl in the namespace of Kafka and Postgres."""
        return self.cluster.kubectl("--namespace", self.home or self.namespace, *words)

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
        return (self.got("pp", self.name) or {}).get("status") or {}

    def condition(self, name: str) -> tuple[str, str]:
        """The status and the reason of a condition."""
        for one in self.status().get("conditions", ()):
            if one["type"] == name:
                return one["status"], one["reason"]
        return "absent", ""

    def change(self, spec: Mapping[str, Any]) -> None:
        """Changes fields of the pipeline's spec."""
        self.kubectl("patch", "pp", self.name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of a component that are not being deleted, the oldest first."""
        labels = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        found = self.got("pods", "-l", labels) or {"items": []}
        kept = [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]
        return sorted(kept, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def ready_pods(self, component: str) -> list[str]:
        """The names of those that are ready, the oldest first."""
        return [pod["metadata"]["name"] for pod in self.pods(component) if _is_ready(pod)]

    def sql(self, statement: str, database: str = "") -> list[list[str]]:
        """Rows of a database, as its superuser sees them on whichever instance is the primary."""
        psql = ("psql", "-d", database or self.name, "-At", "-F", "|", "-c", statement)
        said = self.kubectl_at_home("exec", self.primary(), "-c", "postgres", "--", *psql)
        return [line.split("|") for line in said.splitlines()]

    def primary(self) -> str:
        """The pod of the database that takes writes."""
        return self.kubectl_at_home("get", POSTGRES, "-o", "jsonpath={.status.currentPrimary}")

    def broker(self) -> str:
        """The pod of the one broker."""
        return self.kubectl_at_home("get", "pods", "-l", BROKER, "-o", "jsonpath={.items[*].metadata.name}")

    def number(self, statement: str) -> int:
        """The one number that a statement gives."""
        return int(self.sql(statement)[0][0])

    def python(self, component: str, script: Path, *words: object) -> str:
        """What a script prints that runs in a pod of the component, with its log-ins and its rights."""
        command = ("python3", "-c", script.read_text(), *words)
        return self.kubectl("exec", f"deploy/{self.name}-{component}", "--", *command)

    def end_offsets(self, topic: str = "events") -> dict[int, int]:
        """How far each partition of a topic reaches, asked of Kafka by a consumer's own log-in."""
        said = json.loads(self.python("consumer", SCRIPTS / "ends.py", topic))
        return {int(partition): end for partition, end in said.items()}

    def until(self, patience: str, what: str, look: Callable[[], T | None]) -> T:
        """What `look` found, as soon as it is something. A command that fails counts as not yet."""
        why = f"({patience}) in vain until {what}"
        return eventually(why, look, self.dump, SECONDS[patience], PERIOD_SECONDS, (CommandError,))

    def until_ready(self) -> None:
        """Returns once the operator says of the latest spec that all is well."""
        self.until("pipeline", f"{self.name} is Ready", self.is_ready)

    def is_ready(self) -> bool:
        """Whether the operator says of the latest spec that all is well."""
        found = self.got("pp", self.name) or {}
        told = found.get("status") or {}
        current = told.get("observedGeneration") == found.get("metadata", {}).get("generation")
        return current and self.condition("Ready")[0] == "True"

    def dump(self) -> str:
        """Everything that might say why something did not come."""
        looks = [
            ("get", "pods,jobs,deployments,statefulsets", "-A", "-o", "wide"),
            ("get", "pp", "-n", self.namespace, "-o", "yaml"),
            ("get", "events", "-n", self.namespace, "--sort-by=.lastTimestamp"),
            *(("logs", "-n", namespace, "-l", label, "--tail=60") for namespace, label in platforms.PODS),
            *(("logs", "-n", one, "-l", "app.kubernetes.io/component=operator", "--tail=60") for one in self.operators),
        ]
        parts = (
            *("collector", "consumer", "dashboards", "maintain", "metabase", "migrate", "provision"),
            *("simulator", "transform"),
        )
        looks += [
            ("logs", "-n", self.namespace, "-l", f"app.kubernetes.io/component={part}", "--tail=20", "--prefix")
            for part in parts
        ]
        return self.cluster.shown(looks)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    told = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in told)
