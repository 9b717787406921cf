"""Plays the nodes, of which the control plane of the tests has none: it writes into the status of pods what becomes of
them. Which pods there are is the real controllers' doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from apiserver import ApiServer
from processes import repeating

from pulse_operator.objects import COMPONENT_LABEL, PIPELINE_LABEL, POD

PERIOD_SECONDS = 0.1
MERGE = "application/merge-patch+json"
AT = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class Fate:
    """What becomes of a pod: its phase, and what its one container and the scheduler say."""

    phase: str
    ready: bool = False
    state: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    unscheduled: str = ""

    def status(self, pod: dict[str, Any]) -> dict[str, Any]:
        """The status that a kubelet would write."""
        (container,) = pod["spec"]["containers"]
        if self.unscheduled:
            told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": self.unscheduled}
            return {"phase": "Pending", "conditions": [told]}
        held = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        held |= {"ready": self.ready, "state": self.state, "lastState": self.last}
        # Long enough ago for minReadySeconds.
        ready = {"type": "Ready", "status": "True" if self.ready else "False", "lastTransitionTime": AT}
        return {"phase": self.phase, "conditions": [ready], "containerStatuses": [held]}


READY = Fate("Running", True, {"running": {"startedAt": AT}})
STARTING = Fate("Running", False, {"running": {"startedAt": AT}})
SUCCEEDED = Fate("Succeeded", False, {"terminated": {"exitCode": 0, "finishedAt": AT}})


def waiting(reason: str, message: str) -> Fate:
    """A container that does not start."""
    return Fate("Pending", False, {"waiting": {"reason": reason, "message": message}})


def failed(code: int, message: str) -> Fate:
    """A pod of a Job that ended badly."""
    return Fate("Failed", False, {"terminated": {"exitCode": code, "message": message, "finishedAt": AT}})


def crashing(code: int, message: str) -> Fate:
    """A pod of a Deployment that ends again and again."""
    again = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting"}}
    return Fate("Running", False, again, {"terminated": {"exitCode": code, "message": message, "finishedAt": AT}})


def unscheduled(message: str) -> Fate:
    """A pod that no node takes."""
    return Fate("Pending", unscheduled=message)


BY_COMPONENT = {
    "consumer": READY,
    "simulator": READY,
    "collector": READY,
    "dashboards": READY,
    "metabase": READY,
    "provision": SUCCEEDED,
    "migrate": SUCCEEDED,
    "maintain": SUCCEEDED,
    "transform": SUCCEEDED,
}


@dataclass
class Nodes:
    """Every pod gets the fate of its component, unless one was set for its pipeline."""

    server: ApiServer
    fates: dict[tuple[str, str], Fate] = field(default_factory=dict)
    pods: dict[str, Fate] = field(default_factory=dict)
    _given: dict[str, Fate] = field(default_factory=dict)

    def decide(self, pipeline: str, component: str, fate: Fate) -> None:
        """The fate of the pods of one pipeline's component, also of those that are there."""
        self.fates[pipeline, component] = fate

    def decide_pod(self, uid: str, fate: Fate) -> None:
        """The fate of one pod, whatever is decided for its like."""
        self.pods[uid] = fate

    def look(self) -> None:
        """One look at every pod."""
        _, found = self.server.call("GET", POD.path())
        for pod in found.get("items", ()):
            labels = pod["metadata"].get("labels", {})
            component = labels.get(COMPONENT_LABEL, "")
            uid, mine = pod["metadata"]["uid"], (labels.get(PIPELINE_LABEL, ""), component)
            fate = self.pods.get(uid) or self.fates.get(mine) or BY_COMPONENT.get(component)
            over = pod["status"].get("phase") in ("Succeeded", "Failed")
            if fate is None or over or self._given.get(uid) == fate:
                continue
            path = f"{POD.path(pod['metadata']['namespace'])}/{pod['metadata']['name']}/status"
            status, _ = self.server.call("PATCH", path, {"status": fate.status(pod)}, content_type=MERGE)
            if status == 200:
                self._given[uid] = fate

    @contextmanager
    def running(self) -> Iterator[None]:
        """Looks in the background."""
        with repeating(self.look, PERIOD_SECONDS, "nodes"):
            yield
