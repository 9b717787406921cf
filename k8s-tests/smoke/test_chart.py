"""The chart with the real image on a real node: it starts, tests itself, and drains before it goes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from charts import CHART
from kind.cluster import Cluster
from processes import wait_until

PIPELINE = {
    "apiVersion": "pulse.dev/v1alpha1",
    "kind": "PulsePipeline",
    "metadata": {"name": "shop"},
    "spec": {"source": {"strimzi": {"cluster": "kafka"}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}},
}
DEFINITION = "pulsepipelines.pulse.dev"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture
def namespace(kind_cluster: Cluster) -> Iterator[str]:
    """A namespace that takes only Pods under the restricted standard; nothing of a release in it is left."""
    name = f"chart-{uuid.uuid4().hex[:8]}"
    kind_cluster.kubectl("create", "namespace", name)
    kind_cluster.kubectl("label", "namespace", name, RESTRICTED)
    yield name
    kind_cluster.helm("uninstall", "pulse", "--namespace", name, "--ignore-not-found", "--timeout", "5m")
    kind_cluster.kubectl("delete", "pulsepipelines", "--all", "--namespace", name, "--wait=false")
    kind_cluster.kubectl("delete", "namespace", name, "--wait=false")
    # Another release that came first may own the definition, and then it is not ours to remove.
    kept = json.loads(kind_cluster.kubectl("get", "crd", "--ignore-not-found", "-o", "json", DEFINITION) or "{}")
    if kept.get("metadata", {}).get("annotations", {}).get("meta.helm.sh/release-namespace") == name:
        kind_cluster.kubectl("delete", "crd", DEFINITION)


def pipeline(cluster: Cluster, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.kubectl("get", "pp", "shop", "--namespace", namespace, "-o", "json"))
    return found


@pytest.mark.usefixtures("pulse_images")
def test_a_release_starts_tests_itself_and_lets_go(kind_cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    kind_cluster.helm("install", "pulse", CHART, "--namespace", namespace, "--wait", "--timeout", "2m")
    told = kind_cluster.helm("test", "pulse", "--namespace", namespace, "--timeout", "2m")
    assert "Phase:          Succeeded" in told
    assert kind_cluster.kubectl("get", "pods", "pulse-test", "--namespace", namespace, "--ignore-not-found") == ""

    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(PIPELINE))
    kind_cluster.kubectl("apply", "--namespace", namespace, "-f", file)
    wait_until(lambda: "status" in pipeline(kind_cluster, namespace), "the operator says how the pipeline is")
    assert pipeline(kind_cluster, namespace)["metadata"]["finalizers"] == ["pulse.dev/finalizer"]

    kind_cluster.helm("uninstall", "pulse", "--namespace", namespace, "--timeout", "5m")
    assert "finalizers" not in pipeline(kind_cluster, namespace)["metadata"]
    assert kind_cluster.kubectl("get", "deployments,jobs", "--namespace", namespace, "-o", "name") == ""
