"""A real kube-apiserver on a real etcd, on free ports.

It has no controllers and no nodes: objects are stored and checked, and nothing acts on them.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import running_process

TOKEN = "of-this-test-run"
JSON = "application/json"


@dataclass(frozen=True)
class ApiServer:
    """Where it listens, and the certificate to know it by. Whoever has the token is its administrator."""

    url: str
    certificate: Path

    def call(
        self, method: str, path: str, body: Any = None, *, token: str = TOKEN, content_type: str = JSON
    ) -> tuple[int, dict[str, Any]]:
        """The status and the answer of one request."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": content_type},
        )
        context = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                return answer.status, _answer(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, _answer(refused.read())

    def kubeconfig(self, path: Path, token: str = TOKEN) -> Path:
        """Writes a kubeconfig file for whoever has the token, the administrator unless said otherwise."""
        authority = base64.b64encode(self.certificate.read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        # JSON is YAML too.
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "pulse-test", "cluster": cluster}],
                    "users": [{"name": "pulse-test", "user": {"token": token}}],
                    "contexts": [{"name": "pulse-test", "context": {"cluster": "pulse-test", "user": "pulse-test"}}],
                    "current-context": "pulse-test",
                }
            )
        )
        return path


def _answer(body: bytes) -> dict[str, Any]:
    """The object that it answered with; a path that nothing serves yet is answered in plain text."""
    try:
        found: dict[str, Any] = json.loads(body)
    except ValueError:
        return {"message": body.decode()}
    return found


@contextmanager
def running(
    etcd: Path, kube_apiserver: Path, home: Path, ports: tuple[int, int, int], *, service_accounts: bool = False
) -> Iterator[ApiServer]:
    """Starts both programs, waits until they answer, and ends them.

    A pod needs a service account if these are wanted. They only come to be where controllers run.
    """
    client_port, peer_port, api_port = ports
    client = f"http://127.0.0.1:{client_port}"
    server = ApiServer(f"https://127.0.0.1:{api_port}", home / "certificates" / "apiserver.crt")
    storage = [etcd, *_etcd_words(home, client, f"http://127.0.0.1:{peer_port}")]
    api = [kube_apiserver, *_api_words(home, client, api_port, service_accounts)]
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    with (
        running_process(storage, home / "etcd.log", lambda: True),
        running_process(api, home / "kube-apiserver.log", lambda: server.call("GET", definitions)[0] == 200),
    ):
        yield server


def service_account_key(home: Path) -> Path:
    """The key that tokens of service accounts are signed with, made when first asked for."""
    key = home / "service-accounts.pem"
    if not key.exists():
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    return key


def _etcd_words(home: Path, client: str, peer: str) -> list[str | Path]:
    return [
        *("--data-dir", home / "etcd", "--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
        "--unsafe-no-fsync",  # nothing here has to outlive the run
    ]


def _api_words(home: Path, storage: str, port: int, service_accounts: bool) -> list[str | Path]:
    tokens = home / "tokens.csv"
    tokens.write_text(f"{TOKEN},admin,1,system:masters\n")
    key = service_account_key(home)
    return [
        *("--etcd-servers", storage, "--secure-port", str(port), "--bind-address", "127.0.0.1"),
        *("--cert-dir", home / "certificates", "--token-auth-file", tokens),
        *("--service-account-issuer", "https://tests", "--service-account-signing-key-file", key),
        *("--service-account-key-file", key, "--authorization-mode", "RBAC"),
        *("--service-cluster-ip-range", "10.0.0.0/24"),
        *([] if service_accounts else ["--disable-admission-plugins", "ServiceAccount"]),
    ]
