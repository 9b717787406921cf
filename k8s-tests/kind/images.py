"""Pulse's own images, built as `make images` does and put on the cluster's node."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml
from kind.cluster import Cluster
from kind.commands import run, succeeds

ROOT = Path(__file__).parents[2]
COMPONENTS = ("operator", "consumer", "simulator", "transform", "collector", "dashboards")
REPOSITORY = "pulse"
# What `make images` chooses by itself; said here so that a test can hold a running consumer to it.
PACKER = "native" if shutil.which("cargo") else "python"


def build_and_load(cluster: Cluster) -> dict[str, str]:
    """Component -> its image on the node, under the names that the chart asks for unless told otherwise."""
    tag = yaml.safe_load((ROOT / "charts" / "pulse" / "Chart.yaml").read_bytes())["appVersion"]
    images = {component: f"{REPOSITORY}/{component}:{tag}" for component in COMPONENTS}
    before = _ids(images.values())
    # Debian's Docker brings no BuildKit client; the Dockerfiles need none.
    environment = {**os.environ} if succeeds("docker", "buildx", "version") else {**os.environ, "DOCKER_BUILDKIT": "0"}
    words = [f"BASE={cluster.base('python')}", f"TAG={tag}", f"REPOSITORY={REPOSITORY}", f"PACKER={PACKER}"]
    run("make", "images", *words, cwd=ROOT, env=environment)
    for replaced in before - _ids(images.values()):
        succeeds("docker", "rmi", replaced)  # each is hundreds of megabytes; one that is in use elsewhere stays
    cluster.load(list(images.values()))
    return images


def _ids(images: Iterable[str]) -> set[str]:
    """The images that these names stand for at the moment."""
    return {found for image in images for found in run("docker", "images", "--quiet", image).split()}
