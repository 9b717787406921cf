"""The tests' own control plane acts: what its fixtures promise to other tests is true."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apiserver import ApiServer
from processes import wait_until
from programs import program

from pulse_local.paths import Paths

POD = {"containers": [{"name": "main", "image": "nothing.invalid/none"}]}
WORKLOAD = {"selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}}, "spec": POD}}


@pytest.fixture
def namespace(control_plane: ApiServer) -> Iterator[str]:
    name = f"t-{uuid.uuid4().hex[:8]}"
    made, answer = control_plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made == 201, answer
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_until(lambda: control_plane.call("GET", account)[0] == 200, "the namespace has its service account")
    yield name
    control_plane.call("DELETE", f"/api/v1/namespaces/{name}")


def created(server: ApiServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = server.call("POST", path, body)
    assert status == 201, answer
    return answer


def items(server: ApiServer, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.call("GET", path)[1]["items"]
    return found


def test_a_deployment_gets_its_pods_and_becomes_available_once_they_are_ready(
    control_plane: ApiServer, namespace: str
) -> None:
    deployments, pods = f"/apis/apps/v1/namespaces/{namespace}/deployments", f"/api/v1/namespaces/{namespace}/pods"
    created(control_plane, deployments, {"metadata": {"name": "web"}, "spec": {"replicas": 2, **WORKLOAD}})
    wait_until(lambda: len(items(control_plane, pods)) == 2, "both pods are there")
    assert {pod["status"]["phase"] for pod in items(control_plane, pods)} == {"Pending"}

    for pod in items(control_plane, pods):
        pod["status"] |= {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        status, answer = control_plane.call("PUT", f"{pods}/{pod['metadata']['name']}/status", pod)
        assert status == 200, answer
    wait_until(
        lambda: control_plane.call("GET", f"{deployments}/web")[1]["status"].get("availableReplicas") == 2,
        "the Deployment counts both as available",
    )


def test_a_cron_job_makes_jobs_and_a_job_makes_a_pod(control_plane: ApiServer, namespace: str) -> None:
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    template = {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}}
    created(control_plane, jobs, {"metadata": {"name": "once"}, **template})
    wait_until(
        lambda: len(items(control_plane, f"/api/v1/namespaces/{namespace}/pods")) == 1, "the Job has made its pod"
    )
    cron_jobs = f"/apis/batch/v1/namespaces/{namespace}/cronjobs"
    spec = {"schedule": "* * * * *", "jobTemplate": template}
    often = created(control_plane, cron_jobs, {"metadata": {"name": "often"}, "spec": spec})
    # What was due while nobody looked is caught up with at once, so this test need not wait for the next minute.
    often["status"] = {"lastScheduleTime": (datetime.now(UTC) - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    status, answer = control_plane.call("PUT", f"{cron_jobs}/often/status", often)
    assert status == 200, answer
    wait_until(lambda: len(items(control_plane, jobs)) == 2, "the CronJob has made a Job")


def test_children_go_with_their_owner_also_when_it_is_a_pipeline(control_plane: ApiServer, namespace: str) -> None:
    pipelines = f"/apis/pulse.dev/v1alpha1/namespaces/{namespace}/pulsepipelines"
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    spec = {"source": {"strimzi": {"cluster": "kafka"}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}}
    owner = created(
        control_plane,
        pipelines,
        {"apiVersion": "pulse.dev/v1alpha1", "kind": "PulsePipeline", "metadata": {"name": "shop"}, "spec": spec},
    )
    reference = {key: owner[key] for key in ("apiVersion", "kind")} | {
        key: owner["metadata"][key] for key in ("name", "uid")
    }
    created(control_plane, secrets, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    created(control_plane, secrets, {"metadata": {"name": "stranger"}})

    control_plane.call("DELETE", f"{pipelines}/shop")

    wait_until(lambda: control_plane.call("GET", f"{secrets}/child")[0] == 404, "the child is gone")
    assert control_plane.call("GET", f"{secrets}/stranger")[0] == 200


def test_a_deleted_namespace_goes_with_everything_in_it(control_plane: ApiServer, namespace: str) -> None:
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    created(control_plane, secrets, {"metadata": {"name": "last"}})
    control_plane.call("DELETE", f"/api/v1/namespaces/{namespace}")
    wait_until(lambda: control_plane.call("GET", f"/api/v1/namespaces/{namespace}")[0] == 404, "the namespace is gone")


def test_a_service_accounts_token_may_what_its_role_says_and_no_more(
    control_plane: ApiServer, namespace: str, tmp_path: Path, server_paths: Paths
) -> None:
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    created(control_plane, f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "reader"}})
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    created(control_plane, f"{roles}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    created(control_plane, f"{roles}/rolebindings", binding)
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    token = created(control_plane, account, {"spec": {"expirationSeconds": 600}})["status"]["token"]

    config = control_plane.kubeconfig(tmp_path / "kubeconfig", token)
    allowed = kubectl(server_paths, config, "get", "pods", "-n", namespace, "-o", "json")
    assert json.loads(allowed.stdout)["items"] == []
    refused = kubectl(server_paths, config, "get", "secrets", "-n", namespace)
    assert (refused.returncode, "forbidden" in refused.stderr) == (1, True), refused.stderr


def kubectl(paths: Paths, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(program("kubectl", paths.cache)), "--kubeconfig", str(config), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
