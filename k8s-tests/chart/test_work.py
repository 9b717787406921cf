"""The operator at work with the rights and the environment that the chart gives it, and not one more: from a pipeline
that becomes ready, through one that is deleted with its data, to the drain of an uninstall."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import patience
import pytest
from accounts import new_namespace
from apiserver import ApiServer
from charts import CHART, Manifest, Program, told
from nodes import Nodes
from operator_process import Operator, operating
from programs import program
from stand_in import StandIn

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import plan
from pulse_local.paths import Paths
from pulse_local.services.kafka import Broker
from pulse_operator import objects
from pulse_operator.objects import FINALIZER, Kind, Ref

PARTITIONS = 3


@dataclass(frozen=True)
class Release:
    """The chart installed on the control plane, its parts in namespaces of their own."""

    server: ApiServer
    operator: Operator
    own: str
    pipelines: str
    kafka: str
    postgres: str
    drain: Callable[[], subprocess.CompletedProcess[str]]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        form = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        status, answer = self.server.call(method, path, body, content_type=form)
        assert status in (200, 201), answer
        return answer

    def names(self, kind: Kind, namespace: str, pipeline: str) -> set[str]:
        """What Pulse made of this kind for the pipeline."""
        chosen = f"?labelSelector=pulse.dev/pipeline%3D{pipeline}"
        return {raw["metadata"]["name"] for raw in self.call("GET", kind.path(namespace) + chosen)["items"]}

    def pipeline(self, name: str) -> Manifest | None:
        status, answer = self.server.call("GET", Ref(objects.PIPELINE, self.pipelines, name).path)
        return answer if status == 200 else None

    def apply(self, name: str, **parts: Any) -> None:
        source = {"cluster": "kafka", "namespace": self.kafka, "partitions": PARTITIONS}
        sink = {"cluster": "postgres", "namespace": self.postgres}
        body = {
            "apiVersion": objects.PIPELINE.api_version,
            "kind": objects.PIPELINE.name,
            "metadata": {"name": name},
            "spec": {"source": {"strimzi": source}, "sink": {"cloudNativePG": sink}, **parts},
        }
        self.call("PATCH", f"{Ref(objects.PIPELINE, self.pipelines, name).path}?fieldManager=person", body)

    def until(self, what: str, look: Callable[[], Any], how_long: str = "ready") -> None:
        patience.until(how_long, what, look, lambda: self.operator.said()[-6000:])

    def until_ready(self, name: str) -> None:
        def ready() -> bool:
            found = (self.pipeline(name) or {}).get("status", {}).get("conditions", ())
            return any(one["type"] == "Ready" and one["status"] == "True" for one in found)

        self.until(f"{name} is ready", ready)


@pytest.fixture(scope="module")
def release(
    control_plane: ApiServer, broker: Broker, server_paths: Paths, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Release]:
    """A release with the operator running outside of it, under the account and with the environment of its Pod."""
    home = tmp_path_factory.mktemp("release")
    own, pipelines, kafka, postgres = (new_namespace(control_plane) for _ in range(4))
    helm = Program(program("helm", server_paths.cache), home, control_plane.kubeconfig(home / "admin"))
    helm.run(
        *("install", "pulse", CHART, "--namespace", own, "--set", "crds.install=false"),
        *("--set", f"namespaces={{{pipelines}}}", "--set", f"kafkaNamespaces={{{kafka}}}"),
        *("--set", f"postgresNamespaces={{{postgres}}}"),
    )
    deployment = control_plane.call("GET", f"/apis/apps/v1/namespaces/{own}/deployments/pulse-operator")[1]
    variables = told(deployment)
    del variables["PULSE_HEALTH_PORT"]  # other processes of this machine may have it
    variables |= {"PULSE_LAG_INTERVAL": "1s"}

    def config(account: str) -> str:
        path = f"/api/v1/namespaces/{own}/serviceaccounts/{account}/token"
        status, answer = control_plane.call("POST", path, {"spec": {"expirationSeconds": 3600}})
        assert status == 201, answer
        return str(control_plane.kubeconfig(home / account, answer["status"]["token"]))

    def drain() -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
        environment = {**clean, **variables, "PULSE_OPERATOR_DEPLOYMENT": "pulse-operator"}
        words = [sys.executable, "-m", "pulse_operator", "drain", "--timeout", "60s"]
        return subprocess.run(
            words,
            env={**environment, "KUBECONFIG": config("pulse-drain")},
            capture_output=True,
            text=True,
            check=False,
        )

    stand_in, nodes = StandIn(control_plane, (kafka, postgres)), Nodes(control_plane)
    stand_in.kafka(kafka, "kafka", broker.bootstrap_servers)
    stand_in.cluster(postgres, "postgres")
    with (
        operating(control_plane, Path(home), pipelines, **variables, KUBECONFIG=config("pulse-operator")) as operator,
        stand_in.answering(),
        nodes.running(),
    ):
        yield Release(control_plane, operator, own, pipelines, kafka, postgres, drain)


def test_the_rights_of_the_chart_are_enough_for_a_whole_life(release: Release, broker: Broker) -> None:
    for name in ("keep", "drop"):
        kafka_adapter.create_topics(kafka_adapter.admin(broker.settings), plan(name, partitions=PARTITIONS).topics)
    release.apply("keep", simulator={"enabled": True}, transform={"fullRefreshSchedule": "0 3 * * 0"})
    release.apply("drop", deletionPolicy="Delete")
    release.until_ready("keep")
    release.until_ready("drop")

    # Deleted with its data: rights to delete in every namespace.
    release.call("DELETE", Ref(objects.PIPELINE, release.pipelines, "drop").path)
    release.until("drop is gone", lambda: release.pipeline("drop") is None)
    assert release.names(objects.KAFKA_TOPIC, release.kafka, "drop") == set()
    assert release.names(objects.DATABASE, release.postgres, "drop") == set()

    # An uninstall: the Deployment's Pod ends, then the drain works under its own account.
    topics = release.names(objects.KAFKA_TOPIC, release.kafka, "keep")
    secrets = release.names(objects.SECRET, release.postgres, "keep")
    assert (release.pipeline("keep") or {})["metadata"]["finalizers"] == [FINALIZER]
    assert release.operator.stop() == 0
    drained = release.drain()
    assert drained.returncode == 0, drained.stderr + drained.stdout
    assert "finalizers" not in (release.pipeline("keep") or {})["metadata"]
    for kind in (objects.DEPLOYMENT, objects.CRON_JOB, objects.NETWORK_POLICY, objects.DISRUPTION_BUDGET):
        assert release.names(kind, release.pipelines, "keep") == set(), kind
    assert release.names(objects.KAFKA_TOPIC, release.kafka, "keep") == topics != set()
    assert release.names(objects.SECRET, release.postgres, "keep") == secrets != set()
    own = release.call("GET", f"/apis/apps/v1/namespaces/{release.own}/deployments/pulse-operator")
    assert own["spec"]["replicas"] == 0

    said = release.operator.said() + drained.stdout + drained.stderr
    refused = [line for line in said.splitlines() if re.search(r"\b403\b|orbidden", line)]
    assert refused == []
