"""The spec of a PulsePipeline, as types: the one source of the CRD's schema, its page and what the operator reads.

Every field says its meaning, its default and its limits here and nowhere else. Every text and list has a maximum,
because the API server budgets the cost of the rules by it. Rules that compare fields stand beside the types they
compare, in CEL and in Python; a rule that looks at `oldSelf` stands at the spec itself, where removing a part cannot
step around it.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from pulse.rules import Rule, has, within


def _text(description: str, pattern: str, most: int, least: int = 1) -> Meta:
    return Meta(description=description, pattern=pattern, max_length=most, min_length=least)


_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_TOPIC = r"^[a-zA-Z0-9._-]+$"
_DURATION = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
_DAYS = r"^[1-9][0-9]*[dh]$"
_YEARS = r"^[1-9][0-9]{0,3}d$"
_CRON_FIELD = r"(\*|[0-9A-Za-z,*/-]+)"
_CRON = rf"^({_CRON_FIELD}( +{_CRON_FIELD}){{4}}|@(hourly|daily|weekly|monthly|yearly|annually|midnight))$"
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"


# Postgres and CloudNativePG keep such names for roles of their own.
_RESERVED = re.compile(r"(pg|cnpg)([-_]|\Z)")

PipelineName = Annotated[
    str,
    _text(
        "Name of the pipeline; names of topics, roles and children are derived from it, within 63 characters.",
        r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        40,
    ),
]
NAME_RULE = Rule(
    "!self.metadata.name.matches('^(pg|cnpg)(-|$)')",
    "metadata.name must not be or begin with pg or cnpg: Postgres and CloudNativePG keep such names for roles of "
    "their own",
    lambda name: not _RESERVED.match(name),
)


class Part(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What every part of the spec is: frozen, its names in camel case, an unknown name refused."""

    rules: ClassVar[tuple[Rule, ...]] = ()


class SecretRef(Part, frozen=True):
    """A Secret in the pipeline's namespace."""

    name: Annotated[str, _text("Name of the Secret.", _DNS_NAME, 253)]


class Amounts(Part, frozen=True):
    """Amounts of CPU and memory."""

    cpu: Annotated[str, _text("CPU, such as 250m or 1.", _QUANTITY, 20)] | UnsetType = UNSET
    memory: Annotated[str, _text("Memory, such as 256Mi.", _QUANTITY, 20)] | UnsetType = UNSET


class Resources(Part, frozen=True):
    """What a container asks for and what it may use."""

    requests: Annotated[Amounts, Meta(description="What the container is guaranteed.")] = Amounts(
        cpu="100m", memory="256Mi"
    )
    limits: Annotated[Amounts, Meta(description="What the container may use at most.")] = Amounts(memory="1Gi")


class StrimziSource(Part, frozen=True):
    """Topics and users in a Kafka cluster that Strimzi runs. The cluster itself is not Pulse's to change."""

    cluster: Annotated[str, _text("Name of the Kafka resource.", _DNS_LABEL, 63)]
    namespace: (
        Annotated[str, _text("Namespace of the Kafka resource; the pipeline's own if absent.", _DNS_LABEL, 63)]
        | UnsetType
    ) = UNSET
    listener: Annotated[str, _text("Name of the listener that clients use.", r"^[a-z0-9]+$", 11)] = "tls"
    partitions: Annotated[int, Meta(description="Partitions of the events topic; it can grow.", ge=1, le=1000)] = 6
    replicas: (
        Annotated[int, Meta(description="Replicas of each topic; the broker's default if absent.", ge=1, le=9)]
        | UnsetType
    ) = UNSET
    retention: Annotated[str, _text("How long Kafka keeps events, such as 7d.", _DAYS, 8)] = "7d"


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
        str, _text("Brokers to ask first, host:port, comma-separated.", r"^[^ ,]+:[0-9]+(,[^ ,]+:[0-9]+)*$", 1000)
    ]
    topic: Annotated[str, _text("Topic that holds the events.", _TOPIC, 249)]
    dlq_topic: Annotated[str, _text("Topic that receives a copy of every dead letter.", _TOPIC, 249)]
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


class CloudNativePGSink(Part, frozen=True):
    """A database and roles in a Postgres cluster that CloudNativePG runs. Pulse never changes the cluster itself."""

    cluster: Annotated[str, _text("Name of the Cluster resource.", _DNS_LABEL, 63)]
    namespace: (
        Annotated[str, _text("Namespace of the Cluster; the pipeline's own if absent.", _DNS_LABEL, 63)] | UnsetType
    ) = UNSET
    database: (
        Annotated[str, _text("Name of the database; the pipeline's name if absent.", r"^[a-z_][a-z0-9_-]*$", 63)]
        | UnsetType
    ) = UNSET
    pooler: (
        Annotated[str, _text("Pooler for dashboards; not used yet, as there are none.", _DNS_LABEL, 63)] | UnsetType
    ) = UNSET


class ExternalSink(Part, frozen=True):
    """A database that exists already, in any Postgres 15 or newer: RDS, one of your own."""

    secret_ref: Annotated[
        SecretRef,
        Meta(
            description="Secret with a connection string for each role, keys owner-dsn, ingest-dsn, transform-dsn and "
            "reader-dsn."
        ),
    ]
    role_prefix: Annotated[
        str,
        _text(
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
            lambda sink: not _RESERVED.match(sink.role_prefix),
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
            _text(
                "How long the database keeps events, such as 90d, by the time in their id and that of their arrival; "
                "for ever if absent. One is not removed before dbt has read it.",
                _YEARS,
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


class Contract(Part, frozen=True):
    """What is accepted as an event."""

    custom_events: Annotated[
        bool, Meta(description="Keep events of types that the contract does not know; false dead-letters them.")
    ] = True


class Batch(Part, frozen=True):
    """How much the consumer writes in one transaction."""

    rows: Annotated[int, Meta(description="Most records.", ge=1, le=1_000_000)] = 20_000
    bytes: Annotated[int, Meta(description="Most bytes of record values.", ge=1024, le=1_073_741_824)] = 33_554_432
    linger: Annotated[str, _text("Longest that a record waits for its batch to fill.", _DURATION, 16, 2)] = "100ms"

    rules = (within("linger", "60s"),)


class Scaling(Part, frozen=True):
    """How many consumers run. Replicas follow the lag between min and max."""

    mode: Annotated[
        Literal["Auto", "Recommend", "Off"],
        Meta(description="Auto scales; Recommend only says what it would do; Off runs min replicas."),
    ] = "Auto"
    min: Annotated[int, Meta(description="Fewest replicas; 0 lets an idle pipeline rest.", ge=0, le=1000)] = 1
    max: Annotated[int, Meta(description="Most replicas; more than partitions would be idle.", ge=1, le=1000)] = 3
    target_lag_per_replica: Annotated[
        int,
        Meta(description="Records of lag that one replica may carry before another is added.", ge=1, le=2_000_000_000),
    ] = 100_000
    target_drain_time: Annotated[str, _text("Time within which a backlog should be worked off.", _DURATION, 16, 2)] = (
        "5m"
    )
    scale_down_delay: Annotated[
        str, _text("Time for which fewer must be enough before any is taken away.", _DURATION, 16, 2)
    ] = "10m"

    rules = (
        Rule("self.min <= self.max", "min must not be larger than max", lambda scaling: scaling.min <= scaling.max),
        within("target_drain_time", "8760h"),
        within("scale_down_delay", "24h"),
    )


class Consumer(Part, frozen=True):
    """The consumers of the pipeline."""

    batch: Annotated[Batch, Meta(description="How much is written in one transaction.")] = Batch()
    resources: Annotated[Resources, Meta(description="What each consumer pod asks for.")] = Resources()
    scaling: Annotated[Scaling, Meta(description="How many consumers run.")] = Scaling()


class Simulator(Part, frozen=True):
    """Simulated visitors, for trying a pipeline without real traffic."""

    enabled: Annotated[bool, Meta(description="Whether the simulator runs.")] = False
    events_per_second: Annotated[int, Meta(description="Events per second.", ge=1, le=100_000)] = 50
    users: Annotated[int, Meta(description="Size of the population that visits.", ge=1, le=10_000_000)] = 2_000


class Transform(Part, frozen=True):
    """The runs of dbt."""

    enabled: Annotated[
        bool, Meta(description="Whether Pulse schedules dbt; false leaves it to a scheduler of your own.")
    ] = True
    schedule: Annotated[str, _text("When dbt runs, as a cron expression.", _CRON, 100)] = "*/15 * * * *"
    full_refresh_schedule: (
        Annotated[
            str,
            _text("When every mart is built anew; if absent, only where settings or models have changed.", _CRON, 100),
        ]
        | UnsetType
    ) = UNSET
    session_gap: Annotated[
        str, _text("Silence after which a user's next event starts a new session.", _DURATION, 16, 2)
    ] = "30m"
    late_after: Annotated[str, _text("Delay from which an event counts as late.", _DURATION, 16, 2)] = "5m"
    time_zone: Annotated[str, _text("Time zone whose days the marts report by.", r"^[A-Za-z][A-Za-z0-9_+/-]*$", 64)] = (
        "UTC"
    )
    bots: Annotated[
        Literal["Exclude", "Include"], Meta(description="Whether events flagged as made by bots count in the marts.")
    ] = "Exclude"
    resources: Annotated[Resources, Meta(description="What each run asks for.")] = Resources()

    rules = (within("session_gap", "24h"), within("late_after", "8760h"))


class Maintenance(Part, frozen=True):
    """The upkeep of the raw events in the database."""

    schedule: Annotated[
        str,
        _text(
            "When partitions are made ahead of time and events past the retention are removed, as a cron expression in "
            "UTC. Once a day is often enough.",
            _CRON,
            100,
        ),
    ] = "23 2 * * *"


class PipelineSpec(Part, frozen=True):
    """What a pipeline should be."""

    source: Annotated[Source, Meta(description="Where events come from.")]
    sink: Annotated[Sink, Meta(description="Where events go.")]
    contract: Annotated[Contract, Meta(description="What is accepted as an event.")] = Contract()
    consumer: Annotated[Consumer, Meta(description="The consumers.")] = Consumer()
    simulator: Annotated[Simulator, Meta(description="Simulated visitors.")] = Simulator()
    transform: Annotated[Transform, Meta(description="The runs of dbt.")] = Transform()
    maintenance: Annotated[Maintenance, Meta(description="The upkeep of the raw events.")] = Maintenance()
    suspend: Annotated[
        bool,
        Meta(description="Stop the consumers after their last commit, dbt and the upkeep; everything else stays."),
    ] = False
    deletion_policy: Annotated[
        Literal["Retain", "Delete"],
        Meta(description="Whether topics and database stay or go when the pipeline is deleted."),
    ] = "Retain"

    rules = (
        Rule(
            "!has(self.source.strimzi) || self.consumer.scaling.max <= self.source.strimzi.partitions",
            "consumer.scaling.max must not be larger than source.strimzi.partitions: further consumers would idle",
            lambda spec: not has(spec.source.strimzi) or spec.consumer.scaling.max <= spec.source.strimzi.partitions,
        ),
        Rule(
            "has(self.source.strimzi) == has(oldSelf.source.strimzi)",
            "source cannot change between strimzi and external: make a new pipeline",
        ),
        Rule(
            "has(self.sink.cloudNativePG) == has(oldSelf.sink.cloudNativePG)",
            "sink cannot change between cloudNativePG and external: make a new pipeline",
        ),
        Rule(
            "!has(self.source.strimzi) || !has(oldSelf.source.strimzi)"
            " || self.source.strimzi.partitions >= oldSelf.source.strimzi.partitions",
            "source.strimzi.partitions cannot shrink: Kafka cannot take partitions away",
        ),
        Rule(
            "!has(self.source.strimzi) || !has(oldSelf.source.strimzi)"
            " || (self.source.strimzi.cluster == oldSelf.source.strimzi.cluster"
            " && has(self.source.strimzi.__namespace__) == has(oldSelf.source.strimzi.__namespace__)"
            " && (!has(self.source.strimzi.__namespace__)"
            " || self.source.strimzi.__namespace__ == oldSelf.source.strimzi.__namespace__))",
            "source.strimzi cluster and namespace cannot change: the stored offsets belong to them",
        ),
        Rule(
            "!has(self.sink.cloudNativePG) || !has(oldSelf.sink.cloudNativePG)"
            " || (self.sink.cloudNativePG.cluster == oldSelf.sink.cloudNativePG.cluster"
            " && has(self.sink.cloudNativePG.__namespace__) == has(oldSelf.sink.cloudNativePG.__namespace__)"
            " && (!has(self.sink.cloudNativePG.__namespace__)"
            " || self.sink.cloudNativePG.__namespace__ == oldSelf.sink.cloudNativePG.__namespace__)"
            " && has(self.sink.cloudNativePG.database) == has(oldSelf.sink.cloudNativePG.database)"
            " && (!has(self.sink.cloudNativePG.database)"
            " || self.sink.cloudNativePG.database == oldSelf.sink.cloudNativePG.database))",
            "sink.cloudNativePG cluster, namespace and database cannot change: the events are there",
        ),
    )
