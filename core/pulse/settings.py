"""The settings of every component: one frozen class each, read from the environment once.

This is the contract between whoever starts a process (the operator, the local stack) and the process itself.
docs/reference/settings.md is generated from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pulse.env import Settings, setting
from pulse.names import DEFAULT_ROLE_PREFIX


@dataclass(frozen=True, slots=True)
class KafkaSettings(Settings):
    """How to reach the brokers."""

    bootstrap_servers: str = setting(
        "PULSE_KAFKA_BOOTSTRAP_SERVERS", "Brokers to ask first, as host:port, comma-separated."
    )
    security_protocol: str = setting(
        "PULSE_KAFKA_SECURITY_PROTOCOL",
        "How connections to the brokers are secured.",
        "PLAINTEXT",
        choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    )
    sasl_mechanism: str = setting(
        "PULSE_KAFKA_SASL_MECHANISM",
        "SASL mechanism, with a SASL protocol.",
        "",
        choices=("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    )
    sasl_username: str = setting("PULSE_KAFKA_SASL_USERNAME", "SASL user name.", "")
    sasl_password: str = setting("PULSE_KAFKA_SASL_PASSWORD", "SASL password.", "", secret=True)
    ssl_ca: str = setting(
        "PULSE_KAFKA_SSL_CA", "File with the CA certificates that the brokers are checked against.", ""
    )
    ssl_certificate: str = setting(
        "PULSE_KAFKA_SSL_CERTIFICATE", "File with the client's certificate, for mutual TLS.", ""
    )
    ssl_key: str = setting("PULSE_KAFKA_SSL_KEY", "File with the client's private key, for mutual TLS.", "")


@dataclass(frozen=True, slots=True)
class LogSettings(Settings):
    """How the process writes its log."""

    level: str = setting(
        "PULSE_LOG_LEVEL", "Least severe level that is written.", "info", choices=("debug", "info", "warning", "error")
    )
    format: str = setting(
        "PULSE_LOG_FORMAT",
        "json, text, or auto: text when a terminal is attached.",
        "auto",
        choices=("auto", "json", "text"),
    )


@dataclass(frozen=True, slots=True)
class DatabaseSettings(Settings):
    """How to reach Postgres."""

    dsn: str = setting(
        "PULSE_DATABASE_DSN", "Postgres connection string, postgresql://user:password@host:port/database.", secret=True
    )


@dataclass(frozen=True, slots=True)
class TopicSettings(Settings):
    """The topics and the group of one pipeline."""

    events: str = setting("PULSE_EVENTS_TOPIC", "Topic that holds the events.")
    dlq: str = setting("PULSE_DLQ_TOPIC", "Topic that receives a copy of every dead letter.")
    group: str = setting("PULSE_CONSUMER_GROUP", "Kafka group of the consumer; also the key of its stored offsets.")


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


@dataclass(frozen=True, slots=True)
class OffsetsSettings(Settings):
    """The offsets command."""

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
    """The check of the accounts."""

    database: DatabaseSettings


@dataclass(frozen=True, slots=True)
class SimulatorSettings(Settings):
    """The simulator; what it simulates is said by its flags, each of which has a variable here."""

    kafka: KafkaSettings
    log: LogSettings
    events_topic: str = setting("PULSE_EVENTS_TOPIC", "Topic that holds the events.")
    seed: int = setting("PULSE_SIM_SEED", "Same seed, same events.", 1, minimum=0)
    users: int = setting("PULSE_SIM_USERS", "Size of the population that visits.", 2_000, minimum=1, maximum=10_000_000)
    days: int = setting(
        "PULSE_SIM_DAYS", "Days of history, back-dated, to send before anything live.", 0, minimum=0, maximum=3_650
    )
    rate: float = setting(
        "PULSE_SIM_RATE",
        "Live events per second; 0 sends the history only, a rate out of reach sends as fast as possible.",
        0.0,
        minimum=0.0,
        maximum=1_000_000,
    )
    events: int = setting(
        "PULSE_SIM_EVENTS", "Stop after so many live events; 0 goes on until it is stopped.", 0, minimum=0
    )
    late_share: float = setting(
        "PULSE_SIM_LATE_SHARE", "Share of events that arrive more than five minutes late.", 0.02, minimum=0, maximum=0.9
    )
    duplicate_share: float = setting(
        "PULSE_SIM_DUPLICATE_SHARE", "Share of events sent twice with one event_id.", 0.01, minimum=0, maximum=0.9
    )
    disorder_share: float = setting(
        "PULSE_SIM_DISORDER_SHARE", "Share of events sent out of their order.", 0.02, minimum=0, maximum=0.9
    )
    malformed_share: float = setting(
        "PULSE_SIM_MALFORMED_SHARE", "Malformed records for each good event.", 0.001, minimum=0, maximum=0.9
    )
    end: str = setting("PULSE_SIM_END", "End of the history, RFC 3339; empty means now.", "")
    truth: str = setting(
        "PULSE_SIM_TRUTH", "File that the truth about the simulated visitors is written to; empty writes none.", ""
    )


@dataclass(frozen=True, slots=True)
class CollectorSettings(Settings):
    """The collector: events by HTTP into Kafka."""

    kafka: KafkaSettings
    log: LogSettings
    events_topic: str = setting("PULSE_EVENTS_TOPIC", "Topic that holds the events.")
    custom_events: bool = setting(
        "PULSE_CUSTOM_EVENTS", "Keep events of types that the contract does not know; false dead-letters them.", True
    )
    host: str = setting("PULSE_COLLECTOR_HOST", "Address that it listens on; empty means all.", "")
    port: int = setting("PULSE_COLLECTOR_PORT", "Port for events; 0 takes a free one.", 8000, minimum=0, maximum=65535)
    health_port: int = setting(
        "PULSE_HEALTH_PORT", "Port of /livez, /readyz and /metrics; 0 takes a free one.", 8080, minimum=0, maximum=65535
    )
    origins: str = setting(
        "PULSE_COLLECTOR_ORIGINS",
        "Origins of the pages that may send from a browser, such as https://shop.example, comma-separated; each is "
        "taken as it is written.",
        "",
    )
    keys: str = setting(
        "PULSE_COLLECTOR_KEYS",
        "Write keys, as name:key, comma-separated; metrics have the name. Empty asks nobody for a key.",
        "",
        secret=True,
    )
    address: str = setting(
        "PULSE_COLLECTOR_ADDRESS",
        "What is kept of a client's address: none, or truncated, which is an IPv4 /24 or an IPv6 /48.",
        "none",
        choices=("none", "truncated"),
    )
    proxies: int = setting(
        "PULSE_COLLECTOR_PROXIES",
        "Proxies of your own before the collector, such as an Ingress; the client's address is what the first of them "
        "wrote into X-Forwarded-For.",
        0,
        minimum=0,
        maximum=10,
    )
    request_bytes: int = setting(
        "PULSE_COLLECTOR_REQUEST_BYTES",
        "Longest body of a request.",
        1024 * 1024,
        minimum=1024,
        maximum=16 * 1024 * 1024,
    )
    unpacked_bytes: int = setting(
        "PULSE_COLLECTOR_UNPACKED_BYTES",
        "Longest body once gzip is undone.",
        4 * 1024 * 1024,
        minimum=1024,
        maximum=64 * 1024 * 1024,
    )
    event_bytes: int = setting(
        "PULSE_COLLECTOR_EVENT_BYTES", "Longest event.", 32 * 1024, minimum=256, maximum=512 * 1024
    )
    batch_events: int = setting(
        "PULSE_COLLECTOR_BATCH_EVENTS", "Most events in one request.", 500, minimum=1, maximum=10_000
    )
    held_bytes: int = setting(
        "PULSE_COLLECTOR_HELD_BYTES",
        "Most bytes of bodies held at the same time; beyond it requests get 503.",
        64 * 1024 * 1024,
        minimum=1024 * 1024,
    )
    connections: int = setting(
        "PULSE_COLLECTOR_CONNECTIONS", "Most connections at the same time; beyond it they get 503.", 5_000, minimum=10
    )
    rate: float = setting(
        "PULSE_COLLECTOR_RATE",
        "Events a second that one key may send to one collector, or where no keys are asked for, one network; 0 sets "
        "no limit.",
        5_000.0,
        minimum=0,
    )
    reject_rate: float = setting(
        "PULSE_COLLECTOR_REJECT_RATE",
        "Rejected events a second and key that become dead letters; more are counted only. 0 sets no limit.",
        100.0,
        minimum=0,
    )
    ack_timeout: timedelta = setting(
        "PULSE_COLLECTOR_ACK_TIMEOUT",
        "Longest wait for Kafka's acknowledgement; then the request gets 503.",
        timedelta(seconds=10),
        minimum=1,
        maximum=60,
    )
    body_timeout: timedelta = setting(
        "PULSE_COLLECTOR_BODY_TIMEOUT",
        "Longest wait for the body of a request.",
        timedelta(seconds=10),
        minimum=0.1,
        maximum=300,
    )
    stop_delay: timedelta = setting(
        "PULSE_COLLECTOR_STOP_DELAY",
        "Time between SIGTERM, which makes it unready, and its end, for whoever still sends to it to learn that.",
        timedelta(0),
        minimum=0,
        maximum=300,
    )
    shutdown_grace: timedelta = setting(
        "PULSE_COLLECTOR_SHUTDOWN_GRACE",
        "Longest wait for the requests in flight after that.",
        timedelta(seconds=20),
        minimum=1,
    )


@dataclass(frozen=True, slots=True)
class TransformSettings(Settings):
    """The dbt runner."""

    database: DatabaseSettings
    log: LogSettings
    project: str = setting("PULSE_DBT_PROJECT", "Directory of the dbt project.")
    session_gap: timedelta = setting(
        "PULSE_SESSION_GAP",
        "Silence after which a user's next event starts a new session.",
        timedelta(minutes=30),
        minimum=1,
        maximum=86_400,
    )
    late_after: timedelta = setting(
        "PULSE_LATE_AFTER",
        "Delay between event and arrival from which an event counts as late.",
        timedelta(minutes=5),
        minimum=1,
    )
    time_zone: str = setting("PULSE_TIME_ZONE", "Time zone whose days the marts report by.", "UTC")
    include_custom_events: bool = setting(
        "PULSE_TRANSFORM_CUSTOM_EVENTS", "Count custom events in sessions and engagement.", True
    )
    exclude_bots: bool = setting("PULSE_EXCLUDE_BOTS", "Leave events flagged as made by bots out of the marts.", True)
    threads: int = setting(
        "PULSE_DBT_THREADS", "Models built, or tests run, at the same time.", 2, minimum=1, maximum=32
    )


@dataclass(frozen=True, slots=True)
class DashboardSettings(Settings):
    """The live page of dashboards; its database user should be the reader."""

    kafka: KafkaSettings
    database: DatabaseSettings
    topics: TopicSettings
    log: LogSettings
    host: str = setting("PULSE_DASHBOARD_HOST", "Address to listen on; 0.0.0.0 is all of them.", "127.0.0.1")
    port: int = setting("PULSE_DASHBOARD_PORT", "Port to listen on.", 8088, minimum=1, maximum=65535)
    auth: str = setting(
        "PULSE_DASHBOARD_AUTH",
        "Who lets people in: token is the page itself, which asks for PULSE_DASHBOARD_TOKEN; proxy is whatever stands "
        "before it, and the page lets everybody in who reaches it.",
        "token",
        choices=("token", "proxy"),
    )
    token: str = setting(
        "PULSE_DASHBOARD_TOKEN", "What a person has to know to be let in, 16 characters at least.", "", secret=True
    )
    statement_timeout: timedelta = setting(
        "PULSE_DASHBOARD_STATEMENT_TIMEOUT",
        "Longest that Postgres works on one card.",
        timedelta(seconds=10),
        minimum=0.1,
        maximum=600,
    )
    connections: int = setting(
        "PULSE_DASHBOARD_CONNECTIONS", "Connections to Postgres at the same time, at most.", 4, minimum=1, maximum=100
    )
    stale_after: timedelta = setting(
        "PULSE_DASHBOARD_STALE_AFTER",
        "Age of the last successful run of dbt from which the page warns.",
        timedelta(hours=1),
        minimum=1,
    )


@dataclass(frozen=True, slots=True)
class MetabaseSettings(Settings):
    """What puts the dashboards into Metabase; the connection string is the reader's, as Metabase reaches Postgres."""

    database: DatabaseSettings
    log: LogSettings
    pipeline: str = setting("PULSE_PIPELINE", "Name of the pipeline that the database belongs to.")
    url: str = setting("PULSE_METABASE_URL", "Address of Metabase, such as http://metabase:3000.")
    email: str = setting("PULSE_METABASE_EMAIL", "Mail address of its administrator, who is made if Metabase has none.")
    password: str = setting("PULSE_METABASE_PASSWORD", "Password of this administrator.", secret=True)
    setup_token: str = setting(
        "PULSE_METABASE_SETUP_TOKEN",
        "The token that Metabase was started with as MB_SETUP_TOKEN; empty asks Metabase for it.",
        "",
        secret=True,
    )
    site_name: str = setting("PULSE_METABASE_SITE_NAME", "Name that a new Metabase gives itself.", "Pulse")
    edited: str = setting(
        "PULSE_METABASE_EDITED",
        "What becomes of a card or dashboard of Pulse that a person has changed: keep tells it and leaves it, "
        "overwrite sets it back.",
        "keep",
        choices=("keep", "overwrite"),
    )
    wait: timedelta = setting(
        "PULSE_METABASE_WAIT",
        "Longest that a Metabase which does not answer is waited for, the first start included.",
        timedelta(minutes=10),
        minimum=0,
    )


@dataclass(frozen=True, slots=True)
class OperatorSettings(Settings):
    """The operator."""

    log: LogSettings
    own_namespace: str = setting("PULSE_OPERATOR_NAMESPACE", "Namespace that the operator itself runs in.")
    consumer_image: str = setting("PULSE_CONSUMER_IMAGE", "Image of consumers and migrations.")
    simulator_image: str = setting("PULSE_SIMULATOR_IMAGE", "Image of the simulator.")
    transform_image: str = setting("PULSE_TRANSFORM_IMAGE", "Image of the dbt runner.")
    pull_policy: str = setting(
        "PULSE_IMAGE_PULL_POLICY",
        "When these images are pulled.",
        "IfNotPresent",
        choices=("Always", "IfNotPresent", "Never"),
    )
    pull_secrets: str = setting(
        "PULSE_IMAGE_PULL_SECRETS", "Secrets that these images are pulled with, comma-separated.", ""
    )
    namespaces: str = setting(
        "PULSE_OPERATOR_NAMESPACES", "Namespaces whose pipelines are kept, comma-separated; empty means all.", ""
    )
    lease: str = setting("PULSE_OPERATOR_LEASE", "Lease that the one operator at work holds.", "pulse-operator")
    deployment: str = setting(
        "PULSE_OPERATOR_DEPLOYMENT", "The operator's own Deployment, which a drain scales to zero first.", ""
    )
    lag_interval: timedelta = setting(
        "PULSE_LAG_INTERVAL", "Time between two looks at the lag of a pipeline.", timedelta(seconds=10), minimum=1
    )
    resync_interval: timedelta = setting(
        "PULSE_RESYNC_INTERVAL",
        "Longest time until a pipeline is looked at although nothing happened.",
        timedelta(minutes=5),
        minimum=5,
    )
    workers: int = setting(
        "PULSE_RECONCILE_WORKERS", "Pipelines that are reconciled at the same time.", 8, minimum=1, maximum=100
    )
    health_port: int = setting(
        "PULSE_HEALTH_PORT", "Port of /livez, /readyz and /metrics; 0 takes a free one.", 8080, minimum=0, maximum=65535
    )


@dataclass(frozen=True, slots=True)
class CommandSettings(Settings):
    """The `pulse` command itself; every process that it starts inherits these."""

    home: str = setting(
        "PULSE_HOME",
        "Directory that holds the data, logs and state of the local stack; empty means the user's data directory.",
        "",
    )
    cache: str = setting(
        "PULSE_CACHE",
        "Directory that holds what was downloaded once: Kafka's jars; empty means the user's cache directory.",
        "",
    )


COMPONENTS: tuple[type[Settings], ...] = (
    CollectorSettings,
    CommandSettings,
    ConsumerSettings,
    DashboardSettings,
    DeadLetterSettings,
    MaintainSettings,
    MetabaseSettings,
    MigrateSettings,
    OffsetsSettings,
    OperatorSettings,
    SimulatorSettings,
    TransformSettings,
    VerifySettings,
)
