"""The settings of the collector."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pulse.env import Settings, setting
from pulse.settings.shared import KafkaSettings, LogSettings


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
    cookie: str = setting(
        "PULSE_COLLECTOR_COOKIE",
        "The cookie that knows visitors again, set for pages that ask for it: none, readable by the tracker, or "
        "http-only, for pages that have the pixel alone.",
        "none",
        choices=("none", "readable", "http-only"),
    )
    cookie_domain: str = setting(
        "PULSE_COLLECTOR_COOKIE_DOMAIN",
        "Domain of that cookie: what the names of the pages and of the collector have in common. Empty: the "
        "collector's own name.",
        "",
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
    buffer_directory: str = setting(
        "PULSE_COLLECTOR_BUFFER_DIRECTORY",
        "Directory, of this process alone and on a disk that outlives it, where events wait while Kafka is away; empty "
        "keeps none, and requests get 503 meanwhile.",
        "",
    )
    buffer_bytes: int = setting(
        "PULSE_COLLECTOR_BUFFER_BYTES",
        "Most bytes that wait there; beyond it requests get 503.",
        1024 * 1024 * 1024,
        minimum=1024 * 1024,
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
