"""Where events come from."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from pulse.rules import Rule, has
from pulse.spec.part import DAYS, DNS_LABEL, Part, SecretRef, text

_TOPIC = r"^[a-zA-Z0-9._-]+$"


class StrimziSource(Part, frozen=True):
    """Topics and users in a Kafka cluster that Strimzi runs. The cluster itself is not Pulse's to change."""

    cluster: Annotated[str, text("Name of the Kafka resource.", DNS_LABEL, 63)]
    namespace: (
        Annotated[str, text("Namespace of the Kafka resource; the pipeline's own if absent.", DNS_LABEL, 63)]
        | UnsetType
    ) = UNSET
    listener: Annotated[str, text("Name of the listener that clients use.", r"^[a-z0-9]+$", 11)] = "tls"
    partitions: Annotated[int, Meta(description="Partitions of the events topic; it can grow.", ge=1, le=1000)] = 6
    replicas: (
        Annotated[int, Meta(description="Replicas of each topic; the broker's default if absent.", ge=1, le=9)]
        | UnsetType
    ) = UNSET
    retention: Annotated[str, text("How long Kafka keeps events, such as 7d.", DAYS, 8)] = "7d"


class KafkaAuth(Part, frozen=True):
    """How clients log in to an external Kafka."""

    protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(
            description="Security protocol of the connection. The default counts where auth is given; without auth it "
            "is PLAINTEXT."
        ),
    ] = "SASL_SSL"
    mechanism: (
        Annotated[
            Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
            Meta(description="SASL mechanism; with a SASL protocol."),
        ]
        | UnsetType
    ) = UNSET
    secret_ref: (
        Annotated[
            SecretRef,
            Meta(description="Secret with username and password, ca.crt, and user.crt and user.key for mutual TLS."),
        ]
        | UnsetType
    ) = UNSET

    rules = (
        Rule(
            "!self.protocol.startsWith('SASL') || (has(self.mechanism) && has(self.secretRef))",
            "a SASL protocol needs mechanism and secretRef",
            lambda auth: not auth.protocol.startswith("SASL") or (has(auth.mechanism) and has(auth.secret_ref)),
        ),
    )


class ExternalSource(Part, frozen=True):
    """Topics that exist already, in any Kafka: MSK, Confluent, one of your own."""

    bootstrap_servers: Annotated[
        str, text("Brokers to ask first, host:port, comma-separated.", r"^[^ ,]+:[0-9]+(,[^ ,]+:[0-9]+)*$", 1000)
    ]
    topic: Annotated[str, text("Topic that holds the events.", _TOPIC, 249)]
    dlq_topic: Annotated[str, text("Topic that receives a copy of every dead letter.", _TOPIC, 249)]
    auth: Annotated[
        KafkaAuth,
        Meta(description="How clients log in; without it they do not, and nothing is encrypted (PLAINTEXT)."),
    ] = KafkaAuth(protocol="PLAINTEXT")

    rules = (
        Rule(
            "self.topic != self.dlqTopic",
            "dlqTopic must be another topic than topic",
            lambda source: source.topic != source.dlq_topic,
        ),
    )


class Source(Part, frozen=True):
    """Where events come from: exactly one of the members."""

    strimzi: Annotated[StrimziSource, Meta(description="A Kafka cluster run by Strimzi.")] | UnsetType = UNSET
    external: Annotated[ExternalSource, Meta(description="Topics that exist already.")] | UnsetType = UNSET

    rules = (
        Rule(
            "has(self.strimzi) != has(self.external)",
            "set exactly one of strimzi and external",
            lambda source: has(source.strimzi) != has(source.external),
        ),
    )
