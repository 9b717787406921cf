"""The shape that every pod of a pipeline has: locked down, nothing of the cluster in its environment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, structs

from pulse.spec import Amounts, Resources
from pulse_operator.objects import Manifest, labels
from pulse_operator.render.environment import CREDENTIALS_DIRECTORY, Environment
from pulse_operator.render.inputs import Inputs, selector
from pulse_operator.render.quantity import canonical

# The user that Pulse's images are made for. Nothing in them is writable to it but /tmp.
USER_ID = 65532
# Of probes and metrics, in every container that runs for long and says how it is.
HEALTH_PORT, HEALTH_PORT_NAME = 8080, "health"
_READABLE = 0o444


@dataclass(frozen=True, slots=True)
class Container:
    """What runs in a pod. `more` is what only some containers have, such as ports and probes."""

    component: str
    image: str
    command: tuple[str, ...]
    told: Environment
    resources: Resources
    grace_seconds: int = 30
    scratch: str = "256Mi"  # what it may write to /tmp
    more: Mapping[str, Any] = field(default_factory=dict)


def template(inputs: Inputs, runs: Container, restart: str, annotations: dict[str, str] | None = None) -> Manifest:
    """A pod template."""
    images = inputs.facts.images
    metadata: Manifest = {"labels": labels(inputs.identity, runs.component)}
    if annotations:
        metadata["annotations"] = annotations
    spec: Manifest = {
        "automountServiceAccountToken": False,
        # A Service named pulse-… would put variables into the pod that look like settings, and stop it.
        "enableServiceLinks": False,
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": runs.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(inputs, runs)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": runs.scratch}}, *_credentials(runs.told)],
    }
    if images.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in images.pull_secrets]
    return {"metadata": metadata, "spec": spec}


def probes(*ports: Manifest) -> Manifest:
    """What a container that says how it is has more: these ports and that of its health, and who asks there."""

    def probe(path: str, period_seconds: int) -> Manifest:
        return {
            "httpGet": {"path": path, "port": HEALTH_PORT_NAME},
            "periodSeconds": period_seconds,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        }

    return {
        "ports": [*ports, {"name": HEALTH_PORT_NAME, "containerPort": HEALTH_PORT, "protocol": "TCP"}],
        "livenessProbe": probe("/livez", 10),
        "readinessProbe": probe("/readyz", 5),
    }


def spread(inputs: Inputs, component: str) -> list[Manifest]:
    """Apart from each other where that is possible: a node or a zone that fails should not take all of them."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(inputs, component)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def _container(inputs: Inputs, runs: Container) -> Manifest:
    mounts: list[Manifest] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the pod's own
    if runs.told.files:
        mounts.append({"name": "credentials", "mountPath": CREDENTIALS_DIRECTORY, "readOnly": True})
    made: Manifest = {
        "name": runs.component,
        "image": runs.image,
        "imagePullPolicy": inputs.facts.images.pull_policy,
        "env": runs.told.variables,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
        **runs.more,
    }
    if runs.command:  # without one the image's own
        made["command"] = list(runs.command)
    wanted = _resources(runs.resources)
    if wanted:
        made["resources"] = wanted
    return made


def _credentials(told: Environment) -> list[Manifest]:
    """Only the certificates: what is a variable needs no file."""
    if not told.files:
        return []
    items = [{"key": name, "path": name} for name in sorted(told.files)]
    return [
        {
            "name": "credentials",
            "secret": {"secretName": told.secret.name, "defaultMode": _READABLE, "items": items},
        }
    ]


def _resources(wanted: Resources) -> Manifest:
    both = {"requests": _amounts(wanted.requests), "limits": _amounts(wanted.limits)}
    return {name: amounts for name, amounts in both.items() if amounts}


def _amounts(wanted: Amounts) -> dict[str, str]:
    return {name: canonical(text) for name, text in structs.asdict(wanted).items() if text is not UNSET}
