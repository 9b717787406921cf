"""The cluster that the other tests stand on: its node runs pods, they find each other, and volumes outlive them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kind.cluster import Cluster
from processes import wait_until

SECONDS = 120


@pytest.fixture
def namespace(kind_cluster: Cluster) -> Iterator[str]:
    """A namespace that takes only pods that the strictest standard of Kubernetes lets pass."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    kind_cluster.kubectl("create", "namespace", name)
    kind_cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    kind_cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, f"--timeout={SECONDS}s")
    yield name
    kind_cluster.kubectl("delete", "namespace", name, "--wait=false")


def pod(name: str, image: str, **container: Any) -> dict[str, Any]:
    """A pod of one container, as strict as Pulse's own; only a number in the image says which user it is."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": image, "securityContext": security, **container}],
        },
    }


def apply(cluster: Cluster, namespace: str, tmp_path: Any, *manifests: dict[str, Any]) -> None:
    file = tmp_path / "manifests.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
    cluster.kubectl("apply", "-n", namespace, "-f", file)


def phase(cluster: Cluster, namespace: str, name: str) -> str:
    return cluster.kubectl("get", "pod", name, "-n", namespace, "-o", "jsonpath={.status.phase}")


def output(cluster: Cluster, namespace: str, name: str) -> str:
    """What the pod printed, once it has ended well."""
    try:
        wait_until(lambda: phase(cluster, namespace, name) in ("Succeeded", "Failed"), "the pod has ended", SECONDS)
    except TimeoutError as late:
        raise AssertionError(cluster.kubectl("describe", "pod", name, "-n", namespace)) from late
    printed = cluster.kubectl("logs", name, "-n", namespace)
    assert phase(cluster, namespace, name) == "Succeeded", printed
    return printed


@pytest.mark.parametrize("component", ["operator", "consumer", "simulator", "transform", "collector"])
def test_an_image_runs_without_root_and_without_writing_to_its_file_system(
    kind_cluster: Cluster, pulse_images: dict[str, str], namespace: str, tmp_path: Any, component: str
) -> None:
    apply(kind_cluster, namespace, tmp_path, pod("help", pulse_images[component], args=["--help"]))
    assert output(kind_cluster, namespace, "help").startswith(f"usage: pulse-{component}")


def test_a_pod_finds_another_by_the_name_of_its_service(
    kind_cluster: Cluster, pulse_images: dict[str, str], namespace: str, tmp_path: Any
) -> None:
    image = pulse_images["consumer"]
    asks = "import urllib.request; print(urllib.request.urlopen('http://server:8000').status)"
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "server"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 8000}]},
    }
    server = pod(
        "server",
        image,
        command=["python3", "-m", "http.server", "8000", "--directory", "/etc"],
        readinessProbe={"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
    )
    apply(kind_cluster, namespace, tmp_path, service, server)
    for what in ("pod/server", "deployment/coredns -n kube-system"):
        condition = "Ready" if what.startswith("pod") else "Available"
        where = [] if "-n" in what else ["-n", namespace]
        kind_cluster.kubectl("wait", f"--for=condition={condition}", *what.split(), *where, f"--timeout={SECONDS}s")
    apply(kind_cluster, namespace, tmp_path, pod("client", image, command=["python3", "-c", asks]))
    assert output(kind_cluster, namespace, "client") == "200\n"


def test_what_a_pod_wrote_to_a_volume_is_there_for_the_next(
    kind_cluster: Cluster, pulse_images: dict[str, str], namespace: str, tmp_path: Any
) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }
    writer = mounting("writer", pulse_images["consumer"], "open('/data/note', 'w').write('kept')")
    reader = mounting("reader", pulse_images["consumer"], "print(open('/data/note').read())")
    apply(kind_cluster, namespace, tmp_path, claim, writer)
    output(kind_cluster, namespace, "writer")
    apply(kind_cluster, namespace, tmp_path, reader)
    assert output(kind_cluster, namespace, "reader") == "kept\n"


def mounting(name: str, image: str, code: str) -> dict[str, Any]:
    made = pod(name, image, command=["python3", "-c", code], volumeMounts=[{"name": "data", "mountPath": "/data"}])
    made["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    return made
