"""The chart, and the programs that render and install it with nothing of the person who runs the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts" / "pulse"
VALUE_SETS = sorted(CHART.glob("ci/*.yaml"))
KUBERNETES = "1.34.0"  # for a Helm that has no cluster to ask

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


@dataclass(frozen=True)
class Program:
    """Helm or kubectl. Without a kubeconfig it knows no cluster."""

    path: Path
    home: Path
    kubeconfig: Path | None = None

    def run(self, *words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs it to its end; what it said stands in the failure if it fails."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        if self.kubeconfig:
            environment["KUBECONFIG"] = str(self.kubeconfig)
        said = [str(word) for word in words]
        made = subprocess.run([str(self.path), *said], env=environment, capture_output=True, text=True, check=False)
        assert made.returncode == 0 or not check, f"{self.path.name} {' '.join(said)}:\n{made.stderr}"
        return made


def told(manifest: Manifest) -> dict[str, str]:
    """The environment of the only container of a Deployment or Job."""
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item.get("value", "") for item in container["env"]}


def operator_deployment(helm: Program, namespace: str, **values: str) -> Manifest:
    """The operator's Deployment as the chart makes it with these values, dots written as two underscores."""
    chosen = ",".join(f"{name.replace('__', '.')}={value}" for name, value in values.items())
    only = ["--show-only", "templates/operator/deployment.yaml"]
    words = ["template", "pulse", CHART, "--namespace", namespace, "--kube-version", KUBERNETES, *only]
    found: Manifest = yaml.safe_load(helm.run(*words, "--set", chosen).stdout)
    return found
