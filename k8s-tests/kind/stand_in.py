"""Puts the stand-in operators on a cluster: their images, the definitions of the kinds that they answer, the pod."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from definitions import FOREIGN
from kind.cluster import Cluster
from kind.commands import run, succeeds

from pulse_local.services import jars

HERE = Path(__file__).parents[1] / "platform" / "stand_in"
PROGRAM = HERE / "program" / "stand_in_operators"
NAMESPACE = "stand-in-operators"
READY_WAIT = "120s"


def deploy(cluster: Cluster, operator_image: str) -> None:
    """Returns when the stand-in looks at objects. `operator_image` brings Python and the clients that it needs."""
    libraries = jars.ensure_jars(cluster.cache, jars.locked_jars(), print)
    kafka = _image("kafka", cluster.base("jre"), libraries)
    postgres = _image("postgres", cluster.base("postgres"), ())
    cluster.load([kafka, postgres])
    cluster.kubectl("apply", "--server-side", "-f", FOREIGN)
    _applied(cluster, "create", "namespace", NAMESPACE)
    _applied(cluster, "create", "configmap", "stand-in", "-n", NAMESPACE, f"--from-file={PROGRAM}")
    names = {"OPERATOR_IMAGE": operator_image, "KAFKA_IMAGE_NAME": kafka, "POSTGRES_IMAGE_NAME": postgres}
    _apply_deployment(cluster, names)
    # A pod reads its program when it starts, and a cluster that is used again may run an older one.
    cluster.kubectl("rollout", "restart", "deployment/stand-in", "-n", NAMESPACE)
    cluster.kubectl("rollout", "status", "deployment/stand-in", "-n", NAMESPACE, f"--timeout={READY_WAIT}")


def _image(name: str, base: str, libraries: Sequence[Path]) -> str:
    """The image, built if this machine has none of the same files. `libraries` go into its folder libs/."""
    files = sorted(path for path in (HERE / name).iterdir() if path.is_file())
    digest = hashlib.sha256(base.encode())
    for file in (*files, *sorted(libraries)):
        digest.update(file.name.encode() + file.read_bytes())
    tag = f"pulse-stand-in/{name}:{digest.hexdigest()[:12]}"
    if not succeeds("docker", "image", "inspect", tag):
        with tempfile.TemporaryDirectory() as directory:
            context = Path(directory)
            (context / "libs").mkdir()
            for file in files:
                shutil.copy(file, context)
            for library in libraries:
                shutil.copy(library, context / "libs")
            words = ["--quiet", "--build-arg", f"BASE={base}", "--tag", tag, context]
            # Debian's Docker has no BuildKit client.
            run("docker", "build", *words, env={**os.environ, "DOCKER_BUILDKIT": "0"})
    return tag


def _applied(cluster: Cluster, *words: object) -> None:
    """What `kubectl create` would make, made or brought up to date."""
    manifest = cluster.kubectl(*words, "--dry-run=client", "-o", "json")
    _apply(cluster, manifest)


def _apply_deployment(cluster: Cluster, names: Mapping[str, str]) -> None:
    text = (HERE / "deployment.yaml").read_text()
    for placeholder, image in names.items():
        text = text.replace(f" {placeholder}\n", f" {image}\n").replace(f" {placeholder}}}", f" {image}}}")
    _apply(cluster, text)


def _apply(cluster: Cluster, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", file.name)
