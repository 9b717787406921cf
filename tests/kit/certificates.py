"""A certificate authority of a test's own, and the certificates it issues, made with openssl."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """PEM texts; the certificate may be followed by those of the authorities between it and the root."""

    certificate: str
    key: str


class Authority:
    """Keeps its files in a directory of its own."""

    def __init__(self, directory: Path, name: str = "test CA") -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._openssl(
            "req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.crt"
        )

    @property
    def certificate(self) -> str:
        return (self._directory / "ca.crt").read_text()

    def issue(self, name: str, hosts: Sequence[str] = ()) -> Certificate:
        """A certificate for CN=name, and for these IP addresses."""
        self._request(name)
        sans = ",".join(f"IP:{host}" for host in hosts)
        self._sign(name, f"subjectAltName={sans}\n" if hosts else "basicConstraints=CA:FALSE\n")
        return Certificate((self._directory / f"{name}.crt").read_text(), (self._directory / f"{name}.key").read_text())

    def _request(self, name: str) -> None:
        self._openssl("req", *_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")

    def _sign(self, name: str, extensions: str) -> None:
        (self._directory / f"{name}.ext").write_text(extensions)
        authority = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial")
        self._openssl(
            "x509",
            "-req",
            "-in",
            f"{name}.csr",
            *authority,
            "-days",
            "2",
            "-extfile",
            f"{name}.ext",
            "-out",
            f"{name}.crt",
        )

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._directory, check=True, capture_output=True)
