"""Every object that the chart can make is accepted by a real API server that has the real definitions it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from apiserver import ApiServer
from charts import CHART, VALUE_SETS, Manifest, Program, Render
from definitions import APPLY, FOREIGN, PATH
from processes import wait_until

MONITORING = sorted([*FOREIGN.glob("monitoring*.yaml"), *(Path(__file__).parent / "crds").glob("*.yaml")])
NAMESPACES = ("pulse-system", "shop", "media", "kafka", "postgres")


@pytest.fixture(scope="module")
def furnished(cluster: ApiServer) -> None:
    """The API server with the namespaces of the value sets and the kinds of the Prometheus operator."""
    for file in MONITORING:
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))
        path = f"{PATH}/{definition['metadata']['name']}?fieldManager=tests"
        assert cluster.call("PATCH", path, definition, content_type=APPLY)[0] in (200, 201), file
        served = f"/apis/monitoring.coreos.com/v1/{definition['spec']['names']['plural']}"
        wait_until(lambda path=served: cluster.call("GET", path)[0] == 200, f"{served} is served")  # type: ignore[misc]
    for name in NAMESPACES:
        cluster.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})


@pytest.fixture(scope="module")
def restricted(cluster: ApiServer) -> str:
    """A namespace that takes only Pods under the restricted Pod Security Standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    made, answer = cluster.call(
        "POST", "/api/v1/namespaces", {"metadata": {"generateName": "restricted-", "labels": labels}}
    )
    assert made == 201, answer
    return str(answer["metadata"]["name"])


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Each Pod that the release may start, with the spec that it would have."""
    for found in manifests:
        if found["kind"] in ("Deployment", "Job"):
            yield found["spec"]["template"]["spec"]
        if found["kind"] == "Pod":
            yield found["spec"]


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_every_object_is_accepted_with_all_of_its_fields(
    kubectl: Program, render: Render, tmp_path: Path, values: Path
) -> None:
    manifests = render(values)
    for number, manifest in enumerate(manifests):
        (tmp_path / f"{number}.json").write_text(json.dumps(manifest))
    # Strict: a field that the API server does not know is an error, not a warning.
    words = ("--server-side", "--dry-run=server", "--validate=strict", "--field-manager=tests")
    said = kubectl.run("apply", *words, "-f", tmp_path).stdout
    assert said.count("serverside-applied (server dry run)") == len(manifests)


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_every_pod_may_run_under_the_restricted_standard(
    cluster: ApiServer, restricted: str, render: Render, values: Path
) -> None:
    for spec in pods(render(values)):
        pod = {"metadata": {"generateName": "pod-"}, "spec": {"restartPolicy": "Never", **spec}}
        status, answer = cluster.call("POST", f"/api/v1/namespaces/{restricted}/pods?dryRun=All", pod)
        assert status == 201, answer["message"]


def test_the_restricted_standard_is_really_enforced(cluster: ApiServer, restricted: str, render: Render) -> None:
    (spec, *_) = pods(render(CHART / "ci" / "minimal.yaml"))
    del spec["securityContext"]["runAsNonRoot"]
    status, answer = cluster.call(
        "POST", f"/api/v1/namespaces/{restricted}/pods?dryRun=All", {"metadata": {"name": "loose"}, "spec": spec}
    )
    assert status == 403
    assert "runAsNonRoot" in answer["message"]
