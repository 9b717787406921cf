"""The Ingress that leads people to a part of a pipeline, where the spec asks for one. Pure."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from pulse.spec import Ingress
from pulse_operator.objects import INGRESS, Manifest
from pulse_operator.render.inputs import Inputs, Wanted, workload


def ingress(inputs: Inputs, component: str, wanted: Ingress | UnsetType, port: str, path: str = "/") -> list[Wanted]:
    """The Ingress of a component, to that port of the Service of its name; nothing if none is asked for.

    `path` leads there with all that is below it, and is passed on as it is.
    """
    if wanted is UNSET:
        return []
    ref = inputs.home(INGRESS, component)
    backend = {"service": {"name": ref.name, "port": {"name": port}}}
    spec: Manifest = {
        "rules": [{"host": wanted.host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}]
    }
    if wanted.class_name is not UNSET:
        spec["ingressClassName"] = wanted.class_name
    if wanted.tls_secret is not UNSET:
        spec["tls"] = [{"hosts": [wanted.host], "secretName": wanted.tls_secret}]
    made = workload(inputs, ref, component, spec=spec)
    if wanted.annotations:
        made["metadata"]["annotations"] = {one.name: one.value for one in wanted.annotations}
    return [made]


def address(wanted: Ingress | UnsetType, path: str = "/") -> str:
    """Where a browser finds it; "" without an Ingress."""
    if wanted is UNSET:
        return ""
    return f"{'http' if wanted.tls_secret is UNSET else 'https'}://{wanted.host}{path}"
