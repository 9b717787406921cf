"""The definitions of custom resources that a pipeline stands on and is described by, installed on an API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from apiserver import ApiServer
from processes import wait_until

from pulse_operator import crd

FOREIGN = Path(__file__).parents[1] / "operator" / "tests" / "crds"
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
APPLY = "application/apply-patch+yaml"


def wanted() -> list[dict[str, Any]]:
    """Those of Strimzi and CloudNativePG as their projects publish them, and Pulse's own."""
    foreign = [yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in sorted(FOREIGN.glob("*.yaml"))]
    return [*foreign, crd.definition()]


def install(server: ApiServer, chosen: list[dict[str, Any]] | None = None) -> None:
    """Applies them all or those chosen, again if need be, and returns once objects of every kind can be made."""
    definitions = wanted() if chosen is None else chosen
    for definition in definitions:
        path = f"{PATH}/{definition['metadata']['name']}?fieldManager=tests&force=true"
        status, answer = server.call("PATCH", path, definition, content_type=APPLY)
        if status not in (200, 201):
            raise RuntimeError(f"The API server refused {definition['metadata']['name']}: {answer}")
    wait_until(lambda: all(_is_served(server, definition) for definition in definitions), "every kind is served")


def _is_served(server: ApiServer, definition: dict[str, Any]) -> bool:
    spec = definition["spec"]
    served = next(version["name"] for version in spec["versions"] if version["served"])
    return server.call("GET", f"/apis/{spec['group']}/{served}/{spec['names']['plural']}")[0] == 200
