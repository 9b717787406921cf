"""The throw-away kind cluster that tests run on: made, filled with images, and removed without a trace.

It keeps a kubeconfig file of its own, so the user's is never read or written, and it refuses to touch any cluster but
its own.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kind import daemon
from kind.commands import CommandError, run, succeeds
from offline import images as offline
from programs import program

NAME = "pulse-test"
CONTEXT = f"kind-{NAME}"
OFFLINE_CONFIG = Path(__file__).parents[1] / "offline" / "cluster.yaml"
PUBLISHED_NODE = "kindest/node:v1.34.0"
PUBLISHED_BASES = {"python": "python:3.13-slim", "jre": "eclipse-temurin:21-jre", "postgres": "postgres:17"}
READY_WAIT = "180s"
NODE = f"{NAME}-control-plane"
LOADED = "/kind/loaded"  # on the node: one file an image, holding its id


class ForeignClusterError(Exception):
    """The kubeconfig file points at a cluster that is not the tests' own."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The running cluster. `platform` says whether images are pulled or made from package registries alone."""

    cache: Path
    platform: str  # "registry" or "offline"

    @property
    def kubeconfig(self) -> Path:
        return _kubeconfig(self.cache)

    def kubectl(self, *words: object) -> str:
        """What `kubectl` printed; CommandError if it failed."""
        return run(program("kubectl", self.cache), "--kubeconfig", self.kubeconfig, "--context", CONTEXT, *words)

    def helm(self, *words: object) -> str:
        """What `helm` printed; CommandError if it failed."""
        command = program("helm", self.cache)
        return run(command, "--kubeconfig", self.kubeconfig, "--kube-context", CONTEXT, *words)

    def kill(self, namespace: str, *pods: str) -> None:
        """Ends pods as a power cut would. Deleting one by force still leaves it two seconds to put things in order."""
        found = json.loads(self.kubectl("--namespace", namespace, "get", "pods", "-o", "json"))["items"]
        ids = [
            status["containerID"].partition("://")[2]
            for pod in found
            if pod["metadata"]["name"] in pods
            for status in pod["status"]["containerStatuses"]
            if "running" in status["state"]
        ]
        assert ids, f"nothing runs in {pods}"
        killed = f"for id in {' '.join(ids)}; do ctr --namespace k8s.io tasks kill --signal SIGKILL $id; done"
        run("docker", "exec", NODE, "sh", "-ec", killed)
        self.kubectl("--namespace", namespace, "delete", "pod", *pods, "--grace-period=0", "--force")

    def shown(self, looks: Iterable[Sequence[object]]) -> str:
        """What `kubectl` says to each, one after the other, for whoever looks for a reason; what fails is shown too."""
        said = []
        for words in looks:
            try:
                said.append(f"$ kubectl {' '.join(map(str, words))}\n{self.kubectl(*words)}")
            except CommandError as failed:
                said.append(str(failed))
        return "\n\n".join(said)

    def base(self, name: str) -> str:
        """The image to build on, `python`, `jre` or `postgres`, as this platform has it."""
        return offline.base(name) if self.platform == "offline" else PUBLISHED_BASES[name]

    def load(self, images: Sequence[str]) -> None:
        """Puts images of the Docker daemon on the node, but those it has; a pod must not ask to pull them always."""
        ids = {image: run("docker", "images", "--quiet", "--no-trunc", image).strip() for image in images}
        missing = [image for image in images if _on_node("cat", _note(image)) != ids[image]]
        if missing:
            _kind(self.cache, "load", "docker-image", *missing, "--name", NAME)
        for image in missing:
            # kind would ask the node itself, with a program that a node made here does not have.
            _on_node("sh", "-c", f"mkdir -p {LOADED} && printf %s {ids[image]} >{_note(image)}")


def up(cache: Path) -> Cluster:
    """The cluster, made if it does not run yet, with its node ready. Starts a Docker daemon if none answers."""
    home = _home(cache)
    home.mkdir(parents=True, exist_ok=True)
    program("kind", cache)  # without Go it fails here, before a daemon runs that nobody would end
    daemon.ensure(home)
    if not _answers(cache):
        _delete(cache)  # what a killed run or a restarted machine left
        _create(cache)
    guard(_kubeconfig(cache))
    return Cluster(cache, (home / "platform").read_text())


def is_up(cache: Path) -> bool:
    """Whether the cluster runs and answers."""
    return daemon.answers() and _answers(cache)


@contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Waits until no other test run of this machine has the cluster, and keeps others out until the block ends."""
    home = _home(cache)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go with the process, however it ends
        yield


def down(cache: Path) -> None:
    """Removes the cluster, and ends the Docker daemon if `up` started it. Fine if there is neither.

    CommandError if there was a cluster and no daemon answers that could remove it.
    """
    try:
        if daemon.answers():
            _delete(cache)
        elif _kubeconfig(cache).exists():
            raise CommandError(
                f"The cluster {NAME} was made here, and no Docker daemon answers that could remove it "
                f"({daemon.problem()}): start Docker and say `make kind-down` again, or remove {_kubeconfig(cache)} if "
                "Docker's containers are gone."
            )
    finally:
        daemon.end(_home(cache))


def guard(kubeconfig: Path) -> None:
    """ForeignClusterError unless the file's current context is the tests' own cluster on this machine."""
    try:
        config = yaml.safe_load(kubeconfig.read_bytes())
        current = config["current-context"]
        context = _named(config["contexts"], current)["context"]
        server = _named(config["clusters"], context["cluster"])["cluster"]["server"]
    except (OSError, TypeError, KeyError) as failed:
        raise ForeignClusterError(
            f"{kubeconfig} names no cluster that tests may touch: run `make kind-up`."
        ) from failed
    if current != CONTEXT or urlsplit(server).hostname != "127.0.0.1":
        raise ForeignClusterError(
            f"{kubeconfig} points at {current!r} on {server}, and tests touch only {CONTEXT!r} on this machine: run "
            "`make kind-up`, and use the kubeconfig file that it names."
        )


def _named(items: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    found = [item for item in items if item["name"] == name]
    if not found:
        raise KeyError(name)
    return found[0]


def _create(cache: Path) -> None:
    platform = _platform()
    node = offline.node(cache) if platform == "offline" else PUBLISHED_NODE
    print(f"starting the cluster {NAME} from {node}", flush=True)
    words = ["--name", NAME, "--image", node, "--wait", READY_WAIT, "--kubeconfig", _kubeconfig(cache)]
    try:
        _kind(cache, "create", "cluster", *words, *(["--config", OFFLINE_CONFIG] if platform == "offline" else []))
    except CommandError:
        _delete(cache)
        raise
    (_home(cache) / "platform").write_text(platform)


def _delete(cache: Path) -> None:
    _kind(cache, "delete", "cluster", "--name", NAME, "--kubeconfig", _kubeconfig(cache))
    _kubeconfig(cache).unlink(missing_ok=True)


def _on_node(*words: str) -> str:
    """What the command printed on the node; nothing if it failed."""
    try:
        return run("docker", "exec", NODE, *words)
    except CommandError:
        return ""


def _note(image: str) -> str:
    return f"{LOADED}/{image.replace('/', '_')}"


def _answers(cache: Path) -> bool:
    return _kubeconfig(cache).exists() and succeeds(
        program("kubectl", cache), "--kubeconfig", _kubeconfig(cache), "--context", CONTEXT, "get", "--raw", "/readyz"
    )


def _platform() -> str:
    """How this machine gets images. What can be pulled is pulled; a machine that cannot makes its own."""
    try:
        run("docker", "pull", "--quiet", PUBLISHED_NODE)
    except CommandError as refused:
        print(f"no image registry can be reached, so images are made from packages ({refused.last_line})", flush=True)
        return "offline"
    return "registry"


def _kind(cache: Path, *words: object) -> str:
    return run(program("kind", cache), *words)


def _home(cache: Path) -> Path:
    return cache / "kind"


def _kubeconfig(cache: Path) -> Path:
    return _home(cache) / "kubeconfig"
