"""What every process that talks to Kafka or Postgres is told."""

from __future__ import annotations

from dataclasses import dataclass

from pulse.env import Settings, setting


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
