"""Authorities and the certificates that they issue, made with openssl and kept in Secrets of the API server."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stand_in_operators.kubernetes import Kubernetes, Raw
from stand_in_operators.objects import child, decoded, encoded, folder

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = ("-days", "30")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM texts."""

    certificate: str
    key: str


def authority(kubernetes: Kubernetes, owner: Raw, public: str, private: str) -> Pair:
    """The authority of an owner: its certificate in Secret `public` as ca.crt, its key in `private` as ca.key."""
    secrets = folder("/api/v1", owner["metadata"]["namespace"], "secrets")
    certificate, key = kubernetes.found(f"{secrets}/{public}"), kubernetes.found(f"{secrets}/{private}")
    if certificate and key:
        return Pair(decoded(certificate)["ca.crt"], decoded(key)["ca.key"])
    pair = _self_signed(f"{owner['metadata']['name']} stand-in CA")
    values = {private: {"ca.key": pair.key}}
    values[public] = {**values.get(public, {}), "ca.crt": pair.certificate}
    for name, data in values.items():
        kubernetes.ensure(secrets, child(owner, "v1", "Secret", name, data=encoded(data)))
    return pair


def issued(kubernetes: Kubernetes, owner: Raw, secret: str, issuer: Pair, name: str, hosts: Sequence[str] = ()) -> Pair:
    """The certificate that a Secret keeps, of CN=name for these hosts; a new one if another authority signed it."""
    secrets = folder("/api/v1", owner["metadata"]["namespace"], "secrets")
    kept = kubernetes.found(f"{secrets}/{secret}")
    values = decoded(kept) if kept else {}
    if values.get("ca.crt") != issuer.certificate:
        pair = _signed(issuer, name, hosts)
        values = {"ca.crt": issuer.certificate, "tls.crt": pair.certificate, "tls.key": pair.key}
        kubernetes.ensure(secrets, child(owner, "v1", "Secret", secret, data=encoded(values)))
    return Pair(values["tls.crt"], values["tls.key"])


def _self_signed(name: str) -> Pair:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        _openssl(home, "req", "-x509", *_KEY, *_DAYS, "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.crt")
        return Pair((home / "ca.crt").read_text(), (home / "ca.key").read_text())


def _signed(issuer: Pair, name: str, hosts: Sequence[str]) -> Pair:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "ca.crt").write_text(issuer.certificate)
        (home / "ca.key").write_text(issuer.key)
        names = ",".join(f"DNS:{host}" for host in hosts)
        (home / "own.ext").write_text(f"subjectAltName={names}\n" if hosts else "basicConstraints=CA:FALSE\n")
        _openssl(home, "req", *_KEY, "-subj", f"/CN={name}", "-keyout", "own.key", "-out", "own.csr")
        signs = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", *_DAYS, "-extfile", "own.ext")
        _openssl(home, "x509", "-req", "-in", "own.csr", *signs, "-out", "own.crt")
        return Pair((home / "own.crt").read_text(), (home / "own.key").read_text())


def _openssl(home: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=home, check=True, capture_output=True)
