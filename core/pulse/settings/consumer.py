"""The settings of the consumer and of the commands that come with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pulse.env import Settings, setting
from pulse.names import DEFAULT_ROLE_PREFIX
from pulse.settings.shared import DatabaseSettings, KafkaSettings, LogSettings, TopicSettings


@dataclass(frozen=True, slots=True)
class ConsumerSettings(Settings):
    """The consumer."""

    kafka: KafkaSettings
    database: DatabaseSettings
    topics: TopicSettings
    log: LogSettings
    batch_rows: int = setting(
        "PULSE_BATCH_ROWS", "Most records in one transaction.", 20_000, minimum=1, maximum=1_000_000
    )
    batch_bytes: int = setting(
        "PULSE_BATCH_BYTES", "Most bytes of record values in one transaction.", 32 * 1024 * 1024, minimum=1024
    )
    batch_linger: timedelta = setting(
        "PULSE_BATCH_LINGER",
        "Longest that a record waits for its batch to fill.",
        timedelta(milliseconds=100),
        minimum=0.001,
        maximum=60,
    )
    group_protocol: str = setting(
        "PULSE_GROUP_PROTOCOL",
        "consumer is the KIP-848 protocol of Kafka 4, classic is cooperative-sticky.",
        "consumer",
        choices=("consumer", "classic"),
    )
    session_timeout: timedelta = setting(
        "PULSE_SESSION_TIMEOUT",
        "Classic protocol: silence after which the group gives the partitions away.",
        timedelta(seconds=45),
        minimum=6,
    )
    custom_events: bool = setting(
        "PULSE_CUSTOM_EVENTS", "Keep events of types that the contract does not know; false dead-letters them.", True
    )
    packer: str = setting(
        "PULSE_PACKER",
        "Code that makes rows of plain records: native is the compiled one, python does the same work slower; auto is "
        "native where it is installed.",
        "auto",
        choices=("auto", "native", "python"),
    )
    breaker_ratio: float = setting(
        "PULSE_BREAKER_RATIO",
        "Share of bad records, over the last PULSE_BREAKER_WINDOW, that stops the consumer.",
        0.5,
        minimum=0.0,
        maximum=1.0,
    )
    breaker_window: int = setting(
        "PULSE_BREAKER_WINDOW", "Records over which the share of bad ones is taken.", 10_000, minimum=100
    )
    shutdown_grace: timedelta = setting(
        "PULSE_SHUTDOWN_GRACE",
        "Longest wait for the batch in flight on SIGTERM or when partitions are taken away.",
        timedelta(seconds=20),
        minimum=1,
    )
    health_port: int = setting(
        "PULSE_HEALTH_PORT", "Port of /livez, /readyz and /metrics; 0 takes a free one.", 8080, minimum=0, maximum=65535
    )
    failpoint: str = setting(
        "PULSE_FAILPOINT",
        "For tests only, not for production: name[:n], the edge of a batch at whose n-th passage it is killed. "
        "docs/chaos.md names the edges.",
        "",
    )


@dataclass(frozen=True, slots=True)
class MigrateSettings(Settings):
    """The migrations of the raw schema."""

    database: DatabaseSettings
    log: LogSettings
    pipeline: str = setting("PULSE_PIPELINE", "Name of the pipeline that the database belongs to.")
    role_prefix: str = setting(
        "PULSE_ROLE_PREFIX",
        "What the names of the database roles begin with: shop makes shop_ingest and so on. Pipelines on one server "
        "need one each.",
        DEFAULT_ROLE_PREFIX,
    )


@dataclass(frozen=True, slots=True)
class MaintainSettings(Settings):
    """The partitions and the retention of the raw events; needs the login that migrates, which owns the tables."""

    database: DatabaseSettings
    log: LogSettings
    retention: timedelta = setting(
        "PULSE_RETENTION",
        "How long Postgres keeps events, such as 2160h; 0s keeps them for ever.",
        timedelta(0),
        minimum=0,
        maximum=9_999 * 86_400,
    )
    dead_letter_retention: timedelta = setting(
        "PULSE_DEAD_LETTER_RETENTION",
        "How long Postgres keeps dead letters after the last thing that happened to them, and conflicts, such as "
        "8760h; 0s keeps them as long as PULSE_RETENTION keeps events.",
        timedelta(0),
        minimum=0,
        maximum=9_999 * 86_400,
    )


@dataclass(frozen=True, slots=True)
class OffsetsSettings(Settings):
    """The offsets command, and `verify --log`."""

    kafka: KafkaSettings
    database: DatabaseSettings
    topics: TopicSettings


@dataclass(frozen=True, slots=True)
class DeadLetterSettings(Settings):
    """The dlq command."""

    kafka: KafkaSettings
    database: DatabaseSettings
    topics: TopicSettings
    custom_events: bool = setting(
        "PULSE_CUSTOM_EVENTS", "Keep events of types that the contract does not know; false dead-letters them.", True
    )


@dataclass(frozen=True, slots=True)
class VerifySettings(Settings):
    """The check of the accounts; with --log also what the offsets command is told."""

    database: DatabaseSettings
