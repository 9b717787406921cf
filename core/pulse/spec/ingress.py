"""How a part of a pipeline is reached from outside of the cluster."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from pulse.spec.part import DNS_NAME, Part, text

_ANNOTATION = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"


class Annotation(Part, frozen=True):
    """One annotation."""

    name: Annotated[str, text("Its name, such as nginx.ingress.kubernetes.io/auth-url.", _ANNOTATION, 317)]
    value: Annotated[str, Meta(description="Its value.", max_length=4096)] = ""


class Ingress(Part, frozen=True):
    """An Ingress, which leads a host name to a part of the pipeline."""

    host: Annotated[str, text("Host name, such as pulse.example.com.", DNS_NAME, 253)]
    class_name: (
        Annotated[str, text("Class of the Ingress; the cluster's default class if absent.", DNS_NAME, 253)] | UnsetType
    ) = UNSET
    tls_secret: (
        Annotated[
            str, text("Secret with the certificate of the host; if absent, the Ingress asks for no TLS.", DNS_NAME, 253)
        ]
        | UnsetType
    ) = UNSET
    annotations: Annotated[
        tuple[Annotation, ...],
        Meta(description="What the controller behind the class is told, by name and value.", max_length=32),
    ] = ()
