"""Namespaces and accounts with few rights, for tests that need one of their own."""

from __future__ import annotations

import uuid
from typing import Any

from apiserver import ApiServer

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def new_namespace(server: ApiServer) -> str:
    """A namespace that no other test uses."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    _made(server, "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


def new_account(server: ApiServer, namespace: str, rules: list[dict[str, Any]]) -> str:
    """The token of a service account that has these rights in its namespace and no others."""
    name = f"account-{uuid.uuid4().hex[:8]}"
    inside = f"/api/v1/namespaces/{namespace}"
    _made(server, f"{inside}/serviceaccounts", {"metadata": {"name": name}})
    _made(server, f"{RBAC}/namespaces/{namespace}/roles", {"metadata": {"name": name}, "rules": rules})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    _made(server, f"{RBAC}/namespaces/{namespace}/rolebindings", binding)
    answer = _made(server, f"{inside}/serviceaccounts/{name}/token", {"spec": {"expirationSeconds": 3600}})
    return str(answer["status"]["token"])


def _made(server: ApiServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = server.call("POST", path, body)
    assert status == 201, answer
    return answer
