"""The life of a release on a real API server: what it may do, and whose the definition is that outlives it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from accounts import new_namespace
from apiserver import ApiServer
from charts import CHART, Program
from definitions import PATH
from processes import wait_until

from pulse.adapters.health import HealthServer

DEFINITION = f"{PATH}/pulsepipelines.pulse.dev"
PIPELINE = {
    "apiVersion": "pulse.dev/v1alpha1",
    "kind": "PulsePipeline",
    "metadata": {"name": "shop"},
    "spec": {"source": {"strimzi": {"cluster": "kafka"}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}},
}

Install = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def install(cluster: ApiServer, helm: Program) -> Iterator[Install]:
    """`helm install`; afterwards the cluster has no release and no definition."""
    made: list[tuple[str, str]] = []

    def installed(name: str, namespace: str, *words: object, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
        made.append((name, namespace))
        return helm.run("install", name, chart, "--namespace", namespace, *words)

    yield installed
    for name, namespace in made:
        helm.run("uninstall", name, "--namespace", namespace, "--no-hooks", "--ignore-not-found")
    cluster.call("DELETE", DEFINITION)
    wait_until(lambda: cluster.call("GET", DEFINITION)[0] == 404, "the definition is gone")


@pytest.fixture
def here(cluster: ApiServer) -> str:
    return new_namespace(cluster)


@pytest.fixture
def elsewhere(cluster: ApiServer) -> str:
    return new_namespace(cluster)


def definition(server: ApiServer) -> dict[str, Any]:
    status, found = server.call("GET", DEFINITION)
    assert status == 200, found
    return found


def owner(server: ApiServer) -> tuple[str, str]:
    notes = definition(server)["metadata"]["annotations"]
    return notes["meta.helm.sh/release-name"], notes["meta.helm.sh/release-namespace"]


def pipelines(namespace: str) -> str:
    return f"/apis/pulse.dev/v1alpha1/namespaces/{namespace}/pulsepipelines"


def wait_until_served(server: ApiServer, namespace: str) -> None:
    """A definition that is new or has changed is not served for a moment."""
    wait_until(lambda: server.call("GET", pipelines(namespace))[0] == 200, "pipelines are served")


def make_pipeline(server: ApiServer, namespace: str) -> None:
    wait_until_served(server, namespace)
    status, answer = server.call("POST", pipelines(namespace), PIPELINE)
    assert status == 201, answer


def there(server: ApiServer, namespace: str) -> list[str]:
    """The names of the pipelines in the namespace."""
    wait_until_served(server, namespace)
    return [found["metadata"]["name"] for found in server.call("GET", pipelines(namespace))[1]["items"]]


def short_names(server: ApiServer) -> list[str]:
    found: list[str] = definition(server)["spec"]["names"].get("shortNames", [])
    return found


def pasted(kubectl: Program, text: str) -> None:
    """Runs the kubectl commands in a text, as a person would who pastes them."""
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith("  kubectl ")]
    assert len(lines) == 2, text
    for words in lines:
        kubectl.run(*words)


@pytest.fixture
def older_chart(tmp_path: Path) -> Path:
    """The chart as if its definition had not had the short name yet."""
    chart = shutil.copytree(CHART, tmp_path / "pulse")
    file = chart / "files" / "pulsepipelines.yaml"
    text = file.read_text(encoding="utf-8")
    assert "    shortNames:\n    - pp\n" in text
    file.write_text(text.replace("    shortNames:\n    - pp\n", ""), encoding="utf-8")
    return chart


def test_pipelines_outlive_the_release(cluster: ApiServer, helm: Program, install: Install, here: str) -> None:
    install("pulse", here)
    make_pipeline(cluster, here)
    helm.run("uninstall", "pulse", "--namespace", here, "--no-hooks")
    assert there(cluster, here) == ["shop"]
    install("pulse", here)
    assert there(cluster, here) == ["shop"]
    assert owner(cluster) == ("pulse", here)


def test_what_the_notes_say_to_paste_makes_a_pipeline(
    cluster: ApiServer, kubectl: Program, install: Install, here: str, tmp_path: Path
) -> None:
    notes = install("pulse", here).stdout
    wait_until_served(cluster, here)
    command, manifest = notes[notes.index("kubectl apply") :].split("\n", 1)
    file = tmp_path / "pasted.yaml"
    file.write_text(manifest.partition("\nEND\n")[0])
    words = command.replace("-f - <<'END'", f"-f {file}").split()[1:]
    kubectl.run(*words)
    assert there(cluster, here) == ["shop"]


def test_an_upgrade_brings_the_definition_up_to_date(
    cluster: ApiServer, helm: Program, install: Install, here: str, older_chart: Path
) -> None:
    install("pulse", here, chart=older_chart)
    make_pipeline(cluster, here)
    assert short_names(cluster) == []
    helm.run("upgrade", "pulse", CHART, "--namespace", here)
    assert short_names(cluster) == ["pp"]
    assert there(cluster, here) == ["shop"]


def test_a_release_installs_over_the_definition_of_another(
    cluster: ApiServer, helm: Program, install: Install, here: str, elsewhere: str
) -> None:
    install("pulse", here)
    make_pipeline(cluster, here)
    helm.run("uninstall", "pulse", "--namespace", here, "--no-hooks")
    notes = install("clicks", elsewhere).stdout
    assert there(cluster, here) == ["shop"]
    assert "with the name of another release" in notes
    helm.run("upgrade", "clicks", CHART, "--namespace", elsewhere)


def test_the_notes_hand_the_definition_over(
    cluster: ApiServer, helm: Program, kubectl: Program, install: Install, here: str, elsewhere: str
) -> None:
    install("pulse", here)
    helm.run("uninstall", "pulse", "--namespace", here, "--no-hooks")
    pasted(kubectl, install("clicks", elsewhere).stdout)
    assert "another release" not in helm.run("upgrade", "clicks", CHART, "--namespace", elsewhere).stdout
    assert owner(cluster) == ("clicks", elsewhere)


def asked_for(refusal: str) -> list[str]:
    """The flag that the refusal names, if it does."""
    return re.findall(r"--force-\w+", refusal)


def test_an_older_definition_of_another_release_is_taken_over_with_what_the_refusal_says(
    cluster: ApiServer, helm: Program, kubectl: Program, install: Install, here: str, elsewhere: str, older_chart: Path
) -> None:
    install("pulse", here, chart=older_chart)
    make_pipeline(cluster, here)
    helm.run("uninstall", "pulse", "--namespace", here, "--no-hooks")
    refused = helm.run("install", "clicks", CHART, "--namespace", elsewhere, check=False)
    assert refused.returncode != 0
    assert f"belongs to release pulse in namespace {here}" in refused.stderr
    assert short_names(cluster) == []
    assert cluster.call("GET", f"/apis/apps/v1/namespaces/{elsewhere}/deployments")[1]["items"] == []

    pasted(kubectl, refused.stderr)
    install("clicks", elsewhere, *asked_for(refused.stderr))
    assert short_names(cluster) == ["pp"]
    assert owner(cluster) == ("clicks", elsewhere)
    assert there(cluster, here) == ["shop"]


def test_a_definition_that_helm_did_not_make_is_taken_over_the_same_way(
    cluster: ApiServer, helm: Program, kubectl: Program, install: Install, here: str, older_chart: Path
) -> None:
    kubectl.run("apply", "--server-side", "-f", older_chart / "files" / "pulsepipelines.yaml")
    refused = helm.run("install", "pulse", CHART, "--namespace", here, check=False)
    assert "belongs to no release of Helm" in refused.stderr
    pasted(kubectl, refused.stderr)
    install("pulse", here, *asked_for(refused.stderr))
    assert short_names(cluster) == ["pp"]


def test_a_release_that_gave_the_definition_away_cannot_take_it_along(
    cluster: ApiServer, helm: Program, kubectl: Program, install: Install, here: str, elsewhere: str
) -> None:
    install("pulse", here)
    make_pipeline(cluster, here)
    pasted(kubectl, install("clicks", elsewhere).stdout)
    helm.run("upgrade", "clicks", CHART, "--namespace", elsewhere)
    helm.run("upgrade", "pulse", CHART, "--namespace", here)
    assert owner(cluster) == ("clicks", elsewhere)
    helm.run("uninstall", "pulse", "--namespace", here, "--no-hooks")
    assert there(cluster, here) == ["shop"]


def may(server: ApiServer, account: str, verb: str, group: str, resource: str, namespace: str, name: str = "") -> bool:
    """What the API server itself says about an account's right."""
    resource, _, part = resource.partition("/")
    asked = {"group": group, "resource": resource, "subresource": part, "namespace": namespace, "name": name}
    review = {"spec": {"user": f"system:serviceaccount:{account}", "resourceAttributes": {"verb": verb, **asked}}}
    status, answer = server.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert status == 201, answer
    return bool(answer["status"]["allowed"])


def test_rights_end_where_they_should(cluster: ApiServer, install: Install, here: str, elsewhere: str) -> None:
    kafka, postgres = new_namespace(cluster), new_namespace(cluster)
    install(
        *("pulse", here, "--set", f"namespaces={{{elsewhere}}}"),
        *("--set", f"kafkaNamespaces={{{kafka}}}", "--set", f"postgresNamespaces={{{postgres}}}"),
    )
    operator, drain = f"{here}:pulse-operator", f"{here}:pulse-drain"
    assert may(cluster, operator, "patch", "pulse.dev", "pulsepipelines/status", elsewhere)
    assert may(cluster, operator, "create", "apps", "deployments", elsewhere)
    assert may(cluster, operator, "get", "", "secrets", kafka)
    assert may(cluster, operator, "create", "", "secrets", postgres)
    assert may(cluster, operator, "patch", "coordination.k8s.io", "leases", here, "pulse-operator")
    assert may(cluster, drain, "patch", "apps", "deployments", here, "pulse-operator")
    assert may(cluster, drain, "delete", "batch", "cronjobs", elsewhere)

    assert not may(cluster, operator, "create", "", "secrets", kafka)
    assert not may(cluster, operator, "patch", "kafka.strimzi.io", "kafkas", kafka)
    assert not may(cluster, operator, "patch", "postgresql.cnpg.io", "clusters", postgres)
    assert not may(cluster, operator, "get", "", "secrets", here)
    assert not may(cluster, operator, "patch", "apps", "deployments", here, "pulse-operator")
    assert not may(cluster, operator, "patch", "coordination.k8s.io", "leases", here, "other")
    assert not may(cluster, operator, "list", "pulse.dev", "pulsepipelines", "")
    assert not may(cluster, operator, "create", "pulse.dev", "pulsepipelines", elsewhere)
    assert not may(cluster, operator, "delete", "pulse.dev", "pulsepipelines", elsewhere)
    assert not may(cluster, operator, "list", "", "namespaces", "")
    assert not may(cluster, operator, "get", "apiextensions.k8s.io", "customresourcedefinitions", "")
    assert not may(cluster, drain, "get", "", "secrets", kafka)
    assert not may(cluster, drain, "patch", "apps", "deployments", here, "another")


@pytest.fixture
def account(cluster: ApiServer, install: Install, here: str, tmp_path: Path) -> Path:
    """The files that a Pod of the operator's account finds, with a pipeline in its namespace."""
    install("pulse", here)
    make_pipeline(cluster, here)
    path = f"/api/v1/namespaces/{here}/serviceaccounts/pulse-operator/token"
    status, answer = cluster.call("POST", path, {"spec": {"expirationSeconds": 3600}})
    assert status == 201, answer
    (tmp_path / "token").write_text(answer["status"]["token"])
    (tmp_path / "ca.crt").write_bytes(cluster.certificate.read_bytes())
    return tmp_path


def helm_test(cluster: ApiServer, account: Path, ready: str, path: str) -> subprocess.CompletedProcess[str]:
    """What runs in the Pod of `helm test`, with the patience of a test."""
    host, _, port = cluster.url.removeprefix("https://").partition(":")
    environment = {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "TEST_ACCOUNT": str(account),
        "TEST_PATIENCE_SECONDS": "2",
    }
    words = [sys.executable, "-c", (CHART / "files" / "test_operator.py").read_text(encoding="utf-8"), ready, path]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("state", "where", "says"),
    [
        (None, "{here}", "1 pipelines"),
        ("It waits for its Lease.", "{here}", "does not answer well: 503 It waits for its Lease."),
        (None, "default", "does not answer well: 403"),
    ],
    ids=["all is well", "the operator is not ready", "a right is missing"],
)
def test_helm_test_tells_whether_it_works(
    cluster: ApiServer, account: Path, here: str, state: str | None, where: str, says: str
) -> None:
    health = HealthServer(0, lambda: None, lambda: state)
    try:
        ready = f"http://127.0.0.1:{health.port}/readyz"
        made = helm_test(cluster, account, ready, pipelines(where.format(here=here)))
    finally:
        health.close()
    assert (made.returncode == 0) == (says == "1 pipelines"), made.stderr
    assert says in made.stdout + made.stderr


def test_nothing_is_deleted_before_the_drain_is_done(control_plane: ApiServer, helm: Program, tmp_path: Path) -> None:
    namespace = new_namespace(control_plane)
    own = Program(helm.path, tmp_path, control_plane.kubeconfig(tmp_path / "kubeconfig"))
    # The definition is there for all tests of this control plane.
    own.run("install", "pulse", CHART, "--namespace", namespace, "--set", "crds.install=false")
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/pulse-operator"
    drains = f"/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io/component%3Ddrain"
    leaving = Thread(target=own.run, args=("uninstall", "pulse", "--namespace", namespace, "--timeout", "60s"))
    leaving.start()
    wait_until(lambda: bool(control_plane.call("GET", drains)[1]["items"]), "the drain runs")
    assert control_plane.call("GET", deployment)[0] == 200

    (pod,) = control_plane.call("GET", drains)[1]["items"]
    assert pod["spec"]["serviceAccountName"] == "pulse-drain"
    pod["status"] |= {"phase": "Succeeded"}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/status"
    assert control_plane.call("PUT", path, pod)[0] == 200
    leaving.join(90)
    assert not leaving.is_alive()
    assert control_plane.call("GET", deployment)[0] == 404
    assert control_plane.call("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs")[1]["items"] == []
