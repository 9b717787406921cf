"""`kubectl pulse …` on a real API server: what is shown, what is changed, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from accounts import new_namespace
from charts import Program, operator_deployment
from programs import program
from world import Place, World

from pulse_local.paths import Paths
from pulse_operator import objects
from pulse_operator.objects import Ref

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shop(world: World) -> Place:
    """A pipeline that is Ready."""
    return world.place("typed").apply().until_ready()


@pytest.fixture
def pulse(shop: Place, tmp_path: Path) -> Run:
    """Runs a command of the plugin against the test's API server."""
    config = shop.world.server.kubeconfig(tmp_path / "kubeconfig")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "pulse_operator.plugin", *words]
        environment = {**os.environ, "KUBECONFIG": str(config)}
        return subprocess.run(program, capture_output=True, text=True, check=False, env=environment, timeout=60)

    return run


def file_of(shop: Place, folder: Path, **parts: object) -> str:
    """A file that holds the pipeline, with these parts of its spec."""
    body = {
        "apiVersion": "pulse.dev/v1alpha1",
        "kind": "PulsePipeline",
        "metadata": {"name": shop.name, "namespace": shop.namespace},
        "spec": shop.spec(**parts),
    }
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(body))
    return str(path)


def test_status_tells_every_condition_and_ends_well_when_ready(shop: Place, pulse: Run) -> None:
    done = pulse("status", shop.name, "-n", shop.namespace)
    assert done.returncode == 0, done.stderr
    assert f"{shop.namespace}/{shop.name}: Ready" in done.stdout
    for condition in shop.status()["conditions"]:
        assert condition["type"] in done.stdout


def test_a_pipeline_that_is_not_there_is_named(shop: Place, pulse: Run) -> None:
    done = pulse("status", "nobody", "-n", shop.namespace)
    assert done.returncode == 3
    assert f"PulsePipeline {shop.namespace}/nobody does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_diff_of_what_is_there_is_empty(shop: Place, pulse: Run, tmp_path: Path) -> None:
    done = pulse("diff", file_of(shop, tmp_path))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_diff_shows_what_a_change_would_do_and_does_nothing(shop: Place, pulse: Run, tmp_path: Path) -> None:
    before = _asked(shop)
    done = pulse("diff", file_of(shop, tmp_path, transform={"schedule": "5 * * * *"}, simulator={"enabled": True}))
    assert done.returncode == 1, done.stderr
    assert f"wanted CronJob {shop.namespace}/{shop.name}-transform" in done.stdout
    assert "+  schedule: 5 * * * *" in done.stdout
    assert f"wanted Deployment {shop.namespace}/{shop.name}-simulator" in done.stdout
    assert _asked(shop) == before


def _asked(place: Place) -> tuple[dict[str, str], int]:
    """What a diff must not touch; the operator may write the pipeline's status meanwhile."""
    children = {name: version for name, version in place.versions().items() if name != str(place.pipeline)}
    return children, place.there(place.pipeline)["metadata"]["generation"]


def test_diff_shows_no_secret(shop: Place, pulse: Run, tmp_path: Path) -> None:
    done = pulse("diff", file_of(shop, tmp_path, simulator={"enabled": True}), "--registry", "registry.example.com")
    secrets = [value for raw in shop.items(objects.SECRET) for value in raw.get("data", {}).values()]
    assert secrets
    assert not any(value in done.stdout for value in secrets)


def test_diff_takes_the_images_that_the_operator_gives_out(
    shop: Place, pulse: Run, server_paths: Paths, tmp_path: Path
) -> None:
    """A Deployment of the chart says so; the operator of this test is a process, which no cluster knows of."""
    pictured = shop.world.place("pictured").apply(simulator={"enabled": True}).until_ready()
    pictured.until_there(pictured.ref(objects.DEPLOYMENT, "simulator"))
    file = file_of(pictured, tmp_path, simulator={"enabled": True})
    helm = Program(program("helm", server_paths.cache), tmp_path)
    parts = ("consumer", "simulator", "transform")
    names = {f"images__{part}__repository": f"pulse-{part}" for part in parts}
    tags = {f"images__{part}__tag": "test" for part in parts}
    made = operator_deployment(helm, new_namespace(shop.world.server), clusterWide="true", **names, **tags)
    shop.call("POST", Ref.of(made).folder, made)
    try:
        done = pulse("diff", file)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert "image: elsewhere/pulse/simulator" in pulse("diff", file, "--registry", "elsewhere").stdout
    finally:
        shop.call("DELETE", Ref.of(made).path)
    done = pulse("diff", file)
    assert "No operator of namespace" in done.stderr


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (
            {"consumer": {"scaling": {"min": 5, "max": 2}}},
            "pipeline.yaml:8: spec.consumer.scaling: min must not be larger",
        ),
        ({"source": {"strimzi": {"cluster": "kafka", "partitions": 3}}}, "source.strimzi.partitions cannot shrink"),
        ({"source": {"strimzi": {"cluster": "other"}}}, "source.strimzi cluster and namespace cannot change"),
    ],
)
def test_diff_of_what_would_be_refused_says_why(
    shop: Place, pulse: Run, tmp_path: Path, parts: dict[str, object], says: str
) -> None:
    done = pulse("diff", file_of(shop, tmp_path, **parts))
    assert done.returncode == 3
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_suspend_waits_for_the_last_consumer_and_resume_brings_them_back(shop: Place, pulse: Run) -> None:
    done = pulse("suspend", shop.name, "-n", shop.namespace, "--wait", "--timeout", "50s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.there(shop.consumer)["spec"]["replicas"] == 0
    assert pulse("status", shop.name, "-n", shop.namespace).returncode == 1
    done = pulse("resume", shop.name, "-n", shop.namespace, "--wait", "--timeout", "50s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.there(shop.consumer)["spec"]["replicas"] == 1
    shop.until_ready()


def test_kubectl_finds_the_plugin(shop: Place, server_paths: Paths, tmp_path: Path) -> None:
    config = shop.world.server.kubeconfig(tmp_path / "kubeconfig")
    kubectl = str(program("kubectl", server_paths.cache))
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "KUBECONFIG": str(config)}
    words = [kubectl, "pulse", "status", shop.name, "-n", shop.namespace]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"{shop.namespace}/{shop.name}: Ready" in done.stdout
