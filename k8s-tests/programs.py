"""The programs of Kubernetes that tests need, built from their Go modules once per machine.

No binary is downloaded: where no image registry and no release page can be reached, the Go module proxy still can.
A built program is kept under a name made of what it was built from, so a new version is never mistaken for an old one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
KUBERNETES = "v1.34.4"
GO = "1.26.8"  # the newest that one of the modules asks for

_KUBERNETES_FLAGS = (
    f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES} "
    "-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34"
)


@dataclass(frozen=True, slots=True)
class Source:
    """What a program is built from: a package of the modules that one folder here pins, or `package@version`."""

    folder: str
    package: str
    flags: str = "-s -w"

    def fingerprint(self) -> str:
        """Changes whenever another program would come out."""
        return hashlib.sha256(self._pinned() + self.flags.encode()).hexdigest()[:12]

    def _pinned(self) -> bytes:
        if not self.folder:
            return self.package.encode()
        files = [HERE / "go" / self.folder / name for name in ("go.sum", "main.go")]
        return b"".join(file.read_bytes() for file in files if file.exists())


def _kubernetes(name: str) -> Source:
    return Source("kubernetes", f"k8s.io/kubernetes/cmd/{name}", _KUBERNETES_FLAGS)


PROGRAMS = {
    "etcd": Source("etcd", "go.etcd.io/etcd/server/v3"),
    "helm": Source("helm", "helm.sh/helm/v3/cmd/helm"),
    "helm-4": Source("helm-4", "helm.sh/helm/v4/cmd/helm"),
    "helm-unittest": Source("helm-unittest", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"),
    "kind": Source("", "sigs.k8s.io/kind@v0.30.0"),
    # What a node image holds beside Kubernetes itself.
    "coredns": Source("", "github.com/coredns/coredns@v1.14.3"),
    "local-path-provisioner": Source("", "github.com/rancher/local-path-provisioner@v0.0.30"),
    "pause": Source("pause", "."),
    **{
        name: _kubernetes(name)
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubeadm",
            "kubectl",
            "kubelet",
        )
    },
}


def program(name: str, cache: Path) -> Path:
    """The path of one of PROGRAMS, built if this machine has not built this very version yet (up to minutes)."""
    source = PROGRAMS[name]
    built = cache / "kubernetes" / f"{name}-{source.fingerprint()}"
    if not built.exists():
        built.parent.mkdir(parents=True, exist_ok=True)
        # Suites run side by side, and minutes of compiling are not to be spent twice.
        with built.with_suffix(".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not built.exists():
                _build(name, source, built)
    return built


def _build(name: str, source: Source, target: Path) -> None:
    if shutil.which("go") is None:
        raise RuntimeError(f"Go is missing and {name} is built from its modules: install Go {GO} or newer.")
    print(f"building {name} from its Go modules, once per machine", flush=True)
    environment = {**os.environ, "CGO_ENABLED": "0"}
    flags = ["-trimpath", "-ldflags", source.flags]
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        if source.folder:
            words = ["go", "build", *flags, "-o", f"{directory}/{name}", source.package]
            folder, environment["GOFLAGS"] = HERE / "go" / source.folder, "-mod=readonly"
        else:
            words = ["go", "install", *flags, source.package]
            folder, environment["GOBIN"] = Path(directory), directory
        subprocess.run(words, cwd=folder, env=environment, check=True)
        (Path(directory) / name).rename(target)
