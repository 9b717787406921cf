"""An image as Tilt builds it, under the limits of a pod: changed code gets in as Tilt puts it in, and runs next.

Tilt itself is not needed for this: it writes files with tar in the container, then runs the command of the Tiltfile.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kind.cluster import Cluster
from kind.commands import run
from kit.tilt import Tilt
from processes import wait_until

ROOT = Path(__file__).parents[2]
CHART = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: pulse-operator}}"
SECONDS = 60
# As the operator makes a pod: nothing but /tmp can be written, no right on the machine.
LIMITS = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")  # noqa: S108
NOWHERE = {"PULSE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "PULSE_EVENTS_TOPIC": "events", "PULSE_SIM_RATE": "1"}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What the Tiltfile says of the simulator's image."""
    tilt = Tilt(ROOT, "kind-pulse-test", lambda _: CHART, {"tilt-settings.json": "{}"})
    tilt.evaluate((ROOT / "Tiltfile").read_text(encoding="utf-8"))
    (given,) = (given for given in tilt.all("docker_build") if given["ref"] == "pulse/simulator")
    return given


@pytest.fixture(scope="module")
def image(
    kind_cluster: Cluster, pulse_images: dict[str, str], told: dict[str, Any], tmp_path_factory: Any
) -> Iterator[str]:
    """Built on the layers of the plain one."""
    assert pulse_images["simulator"]
    file = tmp_path_factory.mktemp("image") / "Dockerfile"
    file.write_text(told["dockerfile_contents"])
    given = {**told["build_args"], "BASE": kind_cluster.base("python")}
    words = [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]
    tag = f"pulse-live/simulator:{uuid.uuid4().hex[:8]}"
    run("docker", "build", "--quiet", *words, "--tag", tag, "--file", file, ROOT)
    yield tag
    run("docker", "rmi", tag)


@pytest.fixture
def container(image: str) -> Iterator[str]:
    name = f"pulse-live-{uuid.uuid4().hex[:8]}"
    settings = [word for key, value in NOWHERE.items() for word in ("--env", f"{key}={value}")]
    run("docker", "run", "--detach", "--name", name, *LIMITS, *settings, image)
    yield name
    run("docker", "rm", "--force", name)


def synced(container: str, place: str, text: str) -> None:
    """Puts a file into the container as Tilt does."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(place.lstrip("/"))
        entry.size = len(text.encode())
        tar.addfile(entry, io.BytesIO(text.encode()))
    words = ["docker", "exec", "--interactive", container, "tar", "-C", "/", "-x", "-f", "-"]
    subprocess.run(words, input=archive.getvalue(), check=True)


def logs(container: str) -> str:
    done = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def runs(container: str) -> bool:
    """Whether the command itself has started, below what stands before it."""
    return "/opt/pulse/bin/pulse-simulator" in run("docker", "top", container, "-ww", "-eo", "pid,args")


def test_changed_code_runs_in_the_same_container_after_the_command_of_the_tiltfile(
    container: str, told: dict[str, Any]
) -> None:
    sync, *_, last = told["live_update"][1:]
    wait_until(lambda: runs(container), "the simulator runs", SECONDS)
    package = Path(sync.given["local_path"])
    own = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    synced(
        container, f"{sync.given['remote_path']}/__init__.py", f"{own}\nprint('the changed code runs', flush=True)\n"
    )
    run("docker", "exec", container, "sh", "-c", last.given["cmd"])
    wait_until(lambda: "the changed code runs" in logs(container), "the changed code runs", SECONDS)
    assert run("docker", "inspect", "--format", "{{.State.Running}} {{.RestartCount}}", container).split() == [
        "true",
        "0",
    ]
