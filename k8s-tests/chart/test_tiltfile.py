"""The Tiltfile with what Helm really makes of the chart; `tests/test_tiltfile.py` checks the rest, without Helm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from charts import CHART, KUBERNETES, Program, told
from kit.tilt import Tilt

ROOT = CHART.parents[1]
CONTEXT = "kind-pulse-test"


@pytest.fixture(scope="module")
def tilt(offline_helm: Program) -> Tilt:
    def rendered(given: Mapping[str, Any]) -> str:
        words = ["template", given["name"], ROOT / given["pathToChartDir"], "--namespace", given["namespace"]]
        values = [word for value in given["set"] for word in ("--set", value)]
        return offline_helm.run(*words, *values, "--kube-version", KUBERNETES).stdout

    tilt = Tilt(ROOT, CONTEXT, rendered, {"tilt-settings.json": "{}"})
    tilt.evaluate((ROOT / "Tiltfile").read_text(encoding="utf-8"))
    return tilt


def test_the_operator_is_the_only_workload_of_the_chart_and_takes_all_its_objects_along(tilt: Tilt) -> None:
    (given,) = (given for given in tilt.all("k8s_resource") if given.get("new_name") == "operator")
    # Those of the examples say no namespace, or belong to other groups.
    chart = [
        made for made in tilt.objects if made["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") == "pulse"
    ]
    taken = [made for made in chart if made["kind"] == "Deployment" or made in tilt.attached()]
    others = [f"{made['metadata']['name']}:{made['kind']}" for made in chart if made not in taken]
    assert len(taken) == 2, "the Deployment and its Service, which Tilt puts together by itself"
    assert [made["metadata"]["name"] for made in chart if made["kind"] == "Deployment"] == [given["workload"]]
    assert sorted(others) == sorted(given["objects"])
    assert "pulsepipelines.pulse.dev:CustomResourceDefinition" in others


def test_nothing_that_helm_would_run_at_another_time_is_left(tilt: Tilt) -> None:
    hooks = [made for made in tilt.objects if "helm.sh/hook" in made["metadata"].get("annotations", {})]
    assert [f"{made['kind']} {made['metadata']['name']}" for made in hooks] == []


def test_every_image_that_is_built_is_one_that_the_operator_starts_or_is(tilt: Tilt) -> None:
    (operator,) = (made for made in tilt.objects if made["kind"] == "Deployment")
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    named = {container["image"], *(value for name, value in told(operator).items() if name.endswith("_IMAGE"))}
    assert {name.rpartition(":")[0] for name in named} == {given["ref"] for given in tilt.all("docker_build")}
