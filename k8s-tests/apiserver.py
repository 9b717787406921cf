"""A real kube-apiserver on a real etcd, built from their Go modules once per machine and started on free ports.

It has no controllers and no nodes: objects are stored and checked, and nothing acts on them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VERSION = "v1.34.4"
TOKEN = "of-this-test-run"
START_SECONDS = 60.0

# Program -> (its module here, its package, its linker flags).
PROGRAMS = {
    "etcd": ("go-etcd", "go.etcd.io/etcd/server/v3", "-s -w"),
    "kube-apiserver": (
        "go-apiserver",
        "k8s.io/kubernetes/cmd/kube-apiserver",
        f"-s -w -X k8s.io/component-base/version.gitVersion={VERSION} "
        "-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34",
    ),
}


def built(cache: Path) -> dict[str, Path]:
    """The programs, built if this machine has not built these very versions yet (minutes, with two cores)."""
    if shutil.which("go") is None:
        raise RuntimeError(
            "Go is missing: these tests build a real API server from its modules. Install Go 1.24 or newer."
        )
    found = {}
    for name, (module, package, flags) in PROGRAMS.items():
        lock = hashlib.sha256((HERE / module / "go.sum").read_bytes() + flags.encode()).hexdigest()[:12]
        program = cache / "kubernetes" / f"{name}-{lock}"
        if not program.exists():
            print(f"building {name} from its Go modules, once per machine", flush=True)
            program.parent.mkdir(parents=True, exist_ok=True)
            fresh = program.with_suffix(f".{os.getpid()}")
            subprocess.run(
                ["go", "build", "-trimpath", "-ldflags", flags, "-o", str(fresh), package],
                cwd=HERE / module,
                env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
                check=True,
            )
            fresh.rename(program)
        found[name] = program
    return found


@dataclass(frozen=True)
class ApiServer:
    """Where it listens. Whoever has the token is its administrator."""

    url: str

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """The status and the answer of one request."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        # Its certificate is made at every start, for this host alone.
        context = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                return answer.status, _answer(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, _answer(refused.read())


def _answer(body: bytes) -> dict[str, Any]:
    """The object that it answered with; a path that nothing serves yet is answered in plain text."""
    try:
        found: dict[str, Any] = json.loads(body)
    except ValueError:
        return {"message": body.decode()}
    return found


@contextmanager
def running(programs: dict[str, Path], home: Path, ports: tuple[int, int, int]) -> Iterator[ApiServer]:
    """Starts both, waits until they answer, and ends them."""
    client_port, peer_port, api_port = ports
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    (home / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n")
    key = home / "service-accounts.pem"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    etcd = [
        *("--data-dir", str(home / "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
    ]
    api = [
        *("--etcd-servers", client, "--secure-port", str(api_port), "--bind-address", "127.0.0.1"),
        *("--cert-dir", str(home / "certificates"), "--token-auth-file", str(home / "tokens.csv")),
        *("--service-account-issuer", "https://tests", "--service-account-signing-key-file", str(key)),
        *("--service-account-key-file", str(key), "--authorization-mode", "RBAC"),
        *("--service-cluster-ip-range", "10.0.0.0/24", "--disable-admission-plugins", "ServiceAccount"),
    ]
    with (
        _process([programs["etcd"], *etcd], home / "etcd.log"),
        _process([programs["kube-apiserver"], *api], home / "kube-apiserver.log"),
    ):
        server = ApiServer(f"https://127.0.0.1:{api_port}")
        _wait_until_ready(server, home / "kube-apiserver.log")
        yield server


@contextmanager
def _process(words: list[Any], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen([str(word) for word in words], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: ApiServer, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            status, _ = server.call("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
            if status == 200:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"The API server does not answer:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)
