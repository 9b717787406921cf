"""Where events go, and how long they stay."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from pulse.rules import Rule, has
from pulse.spec.part import DNS_LABEL, RESERVED, YEARS, Part, SecretRef, text


class CloudNativePGSink(Part, frozen=True):
    """A database and roles in a Postgres cluster that CloudNativePG runs. Pulse never changes the cluster itself."""

    cluster: Annotated[str, text("Name of the Cluster resource.", DNS_LABEL, 63)]
    namespace: (
        Annotated[str, text("Namespace of the Cluster; the pipeline's own if absent.", DNS_LABEL, 63)] | UnsetType
    ) = UNSET
    database: (
        Annotated[str, text("Name of the database; the pipeline's name if absent.", r"^[a-z_][a-z0-9_-]*$", 63)]
        | UnsetType
    ) = UNSET
    pooler: (
        Annotated[
            str,
            text(
                "Pooler of this Cluster, in its namespace, that the connections of dashboards go through; without one "
                "they go to the primary.",
                DNS_LABEL,
                63,
            ),
        ]
        | UnsetType
    ) = UNSET


class ExternalSink(Part, frozen=True):
    """A database that exists already, in any Postgres 15 or newer: RDS, one of your own."""

    secret_ref: Annotated[
        SecretRef,
        Meta(
            description="Secret with a connection string for each role, keys owner-dsn, ingest-dsn, transform-dsn and "
            "reader-dsn; for a Metabase metabase-dsn too, which leads to a database and a role of its own."
        ),
    ]
    role_prefix: Annotated[
        str,
        text(
            "What the names of the roles begin with, such as pulse in pulse_ingest; pipelines that share a server need "
            "one each.",
            r"^[a-z][a-z0-9_]*$",
            40,
        ),
    ] = "pulse"

    rules = (
        Rule(
            "!self.rolePrefix.matches('^(pg|cnpg)(_|$)')",
            "rolePrefix must not be pg or cnpg, nor begin with pg_ or cnpg_",
            lambda sink: not RESERVED.match(sink.role_prefix),
        ),
    )


class Sink(Part, frozen=True):
    """Where events go: exactly one of cloudNativePG and external. And how long they stay."""

    cloud_native_pg: (
        Annotated[CloudNativePGSink, Meta(description="A Postgres cluster run by CloudNativePG.")] | UnsetType
    ) = field(default=UNSET, name="cloudNativePG")
    external: Annotated[ExternalSink, Meta(description="A database that exists already.")] | UnsetType = UNSET
    retention: (
        Annotated[
            str,
            text(
                "How long the database keeps events, such as 90d, by the time in their id and that of their arrival; "
                "for ever if absent. One is not removed before dbt has read it.",
                YEARS,
                5,
            ),
        ]
        | UnsetType
    ) = UNSET

    dead_letter_retention: (
        Annotated[
            str,
            text(
                "How long the database keeps dead letters after the last thing that happened to them, and conflicts, "
                "such as 365d; as long as retention if absent.",
                YEARS,
                5,
            ),
        ]
        | UnsetType
    ) = UNSET

    rules = (
        Rule(
            "has(self.cloudNativePG) != has(self.external)",
            "set exactly one of cloudNativePG and external",
            lambda sink: has(sink.cloud_native_pg) != has(sink.external),
        ),
    )
