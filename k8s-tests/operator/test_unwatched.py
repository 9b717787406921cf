"""What `kubectl pulse` says of a pipeline on which no operator acts, on a real API server where none runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from accounts import new_account, new_namespace
from apiserver import ApiServer
from charts import Program, operator_deployment
from programs import program

from pulse_local.paths import Paths
from pulse_operator import objects
from pulse_operator.objects import Ref

Run = Callable[..., subprocess.CompletedProcess[str]]
RULES = [{"apiGroups": ["pulse.dev"], "resources": ["pulsepipelines"], "verbs": ["get", "patch"]}]


@pytest.fixture
def shop(strimzi_and_cnpg: ApiServer) -> Ref:
    """A pipeline in a namespace of its own."""
    ref = Ref(objects.PIPELINE, new_namespace(strimzi_and_cnpg), "shop")
    spec = {"source": {"strimzi": {"cluster": "kafka"}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}}
    kind = {"apiVersion": ref.kind.api_version, "kind": ref.kind.name}
    made = {**kind, "metadata": {"name": ref.name}, "spec": spec}
    status, answer = strimzi_and_cnpg.call("POST", ref.folder, made)
    assert status == 201, answer
    return ref


@pytest.fixture
def pulse(strimzi_and_cnpg: ApiServer, shop: Ref, tmp_path: Path) -> Run:
    """Runs a command of the plugin about the pipeline, as the administrator or as whoever has the token."""

    def run(command: str, *words: str, **token: str) -> subprocess.CompletedProcess[str]:
        config = strimzi_and_cnpg.kubeconfig(tmp_path / "kubeconfig", **token)
        program = [sys.executable, "-m", "pulse_operator.plugin", command, shop.name, "-n", shop.namespace, *words]
        environment = {**os.environ, "KUBECONFIG": str(config)}
        return subprocess.run(program, capture_output=True, text=True, check=False, env=environment, timeout=60)

    return run


@contextmanager
def installed(server: ApiServer, cache: Path, home: Path, ready: int = 0, **values: str) -> Iterator[Ref]:
    """The Deployment of the chart, with so many ready pods in its status."""
    made = operator_deployment(Program(program("helm", cache), home), new_namespace(server), **values)
    ref = Ref.of(made)
    assert server.call("POST", ref.folder, made)[0] == 201
    merge = "application/merge-patch+json"
    status = {"replicas": 1, "readyReplicas": ready}
    assert server.call("PATCH", f"{ref.path}/status", {"status": status}, content_type=merge)[0] == 200
    try:
        yield ref
    finally:
        server.call("DELETE", ref.path)


def acted(server: ApiServer, ref: Ref, generation: int, *conditions: dict[str, Any]) -> None:
    """Writes a status as an operator does."""
    at = "2026-03-01T12:00:00Z"
    found = [{"reason": "R", "message": "m", "lastTransitionTime": at, **condition} for condition in conditions]
    status = {"status": {"observedGeneration": generation, "phase": "Pending", "conditions": found}}
    merge = "application/merge-patch+json"
    assert server.call("PATCH", f"{ref.path}/status", status, content_type=merge)[0] == 200


@pytest.mark.parametrize(("command", "suspended"), [("suspend", True), ("resume", False)])
def test_waiting_where_no_operator_watches_ends_in_time_with_what_to_check(
    strimzi_and_cnpg: ApiServer, shop: Ref, pulse: Run, command: str, suspended: bool
) -> None:
    merge = "application/merge-patch+json"
    before = {"spec": {"suspend": not suspended}}
    assert strimzi_and_cnpg.call("PATCH", shop.path, before, content_type=merge)[0] == 200
    done = pulse(command, "--wait", "--timeout", "1s")
    assert (done.returncode, done.stderr) == (1, "")
    assert f"No operator seems to watch namespace {shop.namespace}: none runs in this cluster" in done.stdout
    assert strimzi_and_cnpg.call("GET", shop.path)[1]["spec"]["suspend"] is suspended


def test_status_says_that_nobody_looked_and_why(shop: Ref, pulse: Run) -> None:
    done = pulse("status")
    assert done.returncode == 1
    assert f"{shop}: not looked at yet".removeprefix("PulsePipeline ") in done.stdout
    assert f"If it stays so: No operator seems to watch namespace {shop.namespace}" in done.stdout


def test_an_operator_of_other_namespaces_is_named(
    strimzi_and_cnpg: ApiServer, shop: Ref, pulse: Run, server_paths: Paths, tmp_path: Path
) -> None:
    with installed(strimzi_and_cnpg, server_paths.cache, tmp_path, ready=1, namespaces="{web,blog}") as operator:
        told = pulse("suspend", "--wait", "--timeout", "0s").stdout
    assert f"No operator seems to watch namespace {shop.namespace}: {operator} watches web, blog." in told
    assert f"Name {shop.namespace} in the chart's value namespaces." in told


@pytest.mark.parametrize(("ready", "says"), [(0, "has no ready pod"), (1, "logs deployment/pulse-operator")])
def test_an_operator_that_should_act_is_named(
    strimzi_and_cnpg: ApiServer, shop: Ref, pulse: Run, server_paths: Paths, tmp_path: Path, ready: int, says: str
) -> None:
    acted(strimzi_and_cnpg, shop, 1)
    with installed(strimzi_and_cnpg, server_paths.cache, tmp_path, ready=ready, clusterWide="true") as operator:
        told = pulse("suspend", "--wait", "--timeout", "0s").stdout
        assert says in told
        assert str(operator) in told
        told = pulse("status").stdout
    assert "has not acted on the latest spec yet: what follows is older." in told
    assert says in told


def test_who_may_not_see_operators_is_told_whom_to_ask(strimzi_and_cnpg: ApiServer, shop: Ref, pulse: Run) -> None:
    token = new_account(strimzi_and_cnpg, shop.namespace, RULES)
    done = pulse("status", token=token)
    assert done.returncode == 1, done.stderr
    assert "you may not see which ones run. Ask whoever installed Pulse" in done.stdout


def test_waiting_ends_once_the_operator_has_acted_on_the_new_spec(
    strimzi_and_cnpg: ApiServer, shop: Ref, pulse: Run
) -> None:
    acted(strimzi_and_cnpg, shop, 2)  # the second spec is the one that suspends
    assert pulse("suspend", "--wait", "--timeout", "0s").returncode == 0
    old = {"type": "ConsumerAvailable", "status": "True", "observedGeneration": 2}
    acted(
        strimzi_and_cnpg, shop, 3, old, {"type": "Ready", "status": "Unknown", "message": "Pulse keeps its hands off."}
    )
    done = pulse("resume", "--wait", "--timeout", "0s")
    assert (done.returncode, "Pulse keeps its hands off." in done.stdout) == (1, True), done.stdout
    acted(strimzi_and_cnpg, shop, 3, {**old, "observedGeneration": 3})
    assert pulse("resume", "--wait", "--timeout", "0s").returncode == 0
