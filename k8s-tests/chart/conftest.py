"""Helm, what it makes of the chart, and an API server of its own: the chart's definition is the whole cluster's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import apiserver
import pytest
import yaml
from apiserver import ApiServer
from charts import CHART, KUBERNETES, Manifest, Program, Render
from programs import program

from pulse_local import ports
from pulse_local.paths import Paths


@pytest.fixture(scope="session")
def offline_helm(server_paths: Paths, home: Path) -> Program:
    """Helm that knows no cluster."""
    return Program(program("helm", server_paths.cache), home)


@pytest.fixture(scope="session")
def render(offline_helm: Program) -> Render:
    """Every object that a release is made of, hooks among them."""

    def rendered(values: Path | None = None, namespace: str = "pulse-system") -> list[Manifest]:
        words = ["template", "pulse", CHART, "--namespace", namespace, "--kube-version", KUBERNETES]
        made = offline_helm.run(*words, *(["-f", values] if values else []))
        return [found for found in yaml.safe_load_all(made.stdout) if found]

    return rendered


@pytest.fixture(scope="session")
def cluster(server_paths: Paths) -> Iterator[ApiServer]:
    """An API server without controllers, for these tests alone."""
    taken: set[int] = set()
    for _ in range(3):
        taken.add(ports.free_port(0, taken))
    client, peer, api = taken
    etcd, kube_apiserver = (program(name, server_paths.cache) for name in ("etcd", "kube-apiserver"))
    with (
        tempfile.TemporaryDirectory() as home,
        apiserver.running(etcd, kube_apiserver, Path(home), (client, peer, api)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Helm and kubectl take for the user's home."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session", params=["helm", "helm-4"])
def helm(request: pytest.FixtureRequest, cluster: ApiServer, server_paths: Paths, home: Path) -> Program:
    """Helm 3, then Helm 4, on that API server."""
    return Program(program(request.param, server_paths.cache), home, cluster.kubeconfig(home / "kubeconfig"))


@pytest.fixture(scope="session")
def kubectl(cluster: ApiServer, server_paths: Paths, home: Path) -> Program:
    """Kubectl on that API server."""
    return Program(program("kubectl", server_paths.cache), home, cluster.kubeconfig(home / "kubeconfig"))
