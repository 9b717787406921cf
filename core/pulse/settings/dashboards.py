"""The settings of the live page and of Metabase's provisioning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pulse.env import Settings, setting
from pulse.settings.shared import DatabaseSettings, KafkaSettings, LogSettings, TopicSettings


@dataclass(frozen=True, slots=True)
class DashboardSettings(Settings):
    """The live page of dashboards; its database user should be the reader."""

    kafka: KafkaSettings
    database: DatabaseSettings
    topics: TopicSettings
    log: LogSettings
    host: str = setting("PULSE_DASHBOARD_HOST", "Address to listen on; 0.0.0.0 is all of them.", "127.0.0.1")
    port: int = setting("PULSE_DASHBOARD_PORT", "Port to listen on.", 8088, minimum=1, maximum=65535)
    base_path: str = setting(
        "PULSE_DASHBOARD_BASE_PATH",
        "Path that the page is at on its host name, such as /dashboards; empty means the root. What stands before the "
        "page may pass it on or cut it off.",
        "",
    )
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
    health_port: int = setting(
        "PULSE_HEALTH_PORT", "Port of /livez, /readyz and /metrics; 0 takes a free one.", 8080, minimum=0, maximum=65535
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
