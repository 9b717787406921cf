"""Requests to the API server as the pod's service account, one at a time. It knows paths and objects, no kinds."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

Raw = dict[str, Any]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MANAGER = "stand-in"
APPLY, MERGE, JSON = "application/apply-patch+yaml", "application/merge-patch+json", "application/json"
TIMEOUT_SECONDS = 30.0
REPEAT_SECONDS = 30.0  # what somebody else changed is put right this often


class RefusedError(Exception):
    """The API server said no. `status` is the HTTP status."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


class Kubernetes:
    """One connection at a time, made anew when it breaks."""

    def __init__(self) -> None:
        self._context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        self._applied: dict[str, tuple[str, float]] = {}

    def listed(self, folder: str) -> list[Raw]:
        """All objects of a kind."""
        found: list[Raw] = self._call("GET", folder)["items"]
        return found

    def found(self, path: str) -> Raw | None:
        """One object, if it exists."""
        try:
            return self._call("GET", path)
        except RefusedError as refused:
            if refused.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def ensure(self, folder: str, manifest: Raw) -> None:
        """Makes the object be so. What was applied a moment ago is taken to be so still."""
        path = f"{folder}/{manifest['metadata']['name']}"
        text = json.dumps(manifest, sort_keys=True)
        before, when = self._applied.get(path, ("", 0.0))
        if before != text or time.monotonic() - when > REPEAT_SECONDS:
            query = {"fieldManager": MANAGER, "force": "true"}
            self._call("PATCH", f"{path}?{urlencode(query)}", manifest, APPLY)
            self._applied[path] = (text, time.monotonic())

    def tell(self, path: str, raw: Raw, status: Raw) -> None:
        """Writes the status of an object, unless it says that already."""
        if raw.get("status") != status:
            self._call("PUT", f"{path}/status", {**raw, "status": status})

    def finalizers(self, path: str, raw: Raw, wanted: list[str]) -> None:
        """Replaces the finalizers of an object, if nobody changed it meanwhile."""
        metadata = {"finalizers": wanted, "resourceVersion": raw["metadata"]["resourceVersion"]}
        self._call("PATCH", path, {"metadata": metadata}, MERGE)

    def change(self, path: str, patch: Raw) -> None:
        """Changes fields of an object."""
        self._call("PATCH", path, patch, MERGE)

    def delete(self, path: str, uid: str, grace_seconds: int) -> None:
        """Deletes this very object, if it is still there, and not one of the same name that came after it."""
        options = {"preconditions": {"uid": uid}, "gracePeriodSeconds": grace_seconds}
        try:
            self._call("DELETE", path, options)
        except RefusedError as refused:
            if refused.status not in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.CONFLICT):
                raise

    def _call(self, method: str, path: str, body: Any = None, form: str = JSON) -> Raw:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        token = (ACCOUNT / "token").read_text()
        connection = http.client.HTTPSConnection(host, port, context=self._context, timeout=TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": form}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise RefusedError(answer.status, f"{method} {path}: {answer.status} {content.decode(errors='replace')}")
        found: Raw = json.loads(content)
        return found
