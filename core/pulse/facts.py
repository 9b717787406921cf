"""What the outside told about a pipeline, and what was decided: the inputs of `plan` and of whatever makes it real.

Plain values and no platform's words. A fact that is not known yet is None, and whoever needs it does without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["owner", "ingest", "transform", "reader"]
ROLES: tuple[Role, ...] = ("owner", "ingest", "transform", "reader")

User = Literal["consumer", "producer", "lag"]
USERS: tuple[User, ...] = ("consumer", "producer", "lag")


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """How one user reaches the brokers. Certificates and keys are PEM texts; what is not used is empty."""

    bootstrap_servers: str
    protocol: str = "PLAINTEXT"
    mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """How one role reaches the database. Without a CA the connection string alone says how it is secured."""

    dsn: str = field(repr=False)
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Images:
    """The container images that pipelines are made of, and how they are pulled."""

    consumer: str
    simulator: str
    transform: str
    dashboards: str
    collector: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DashboardKeys:
    """What was made once for the dashboards and stays: texts that are empty where there is none yet."""

    token: str = field(default="", repr=False)  # lets people into the live page
    email: str = ""  # of Metabase's administrator
    password: str = field(default="", repr=False)  # the administrator's
    encryption_key: str = field(default="", repr=False)  # of what Metabase keeps in its own database
    role_password: str = field(default="", repr=False)  # of the role that owns that database
    opened: bool = False  # Metabase has had its administrator, so others may get to it


@dataclass(frozen=True, slots=True)
class DashboardFacts:
    """What is known of the dashboards."""

    keys: DashboardKeys = DashboardKeys()
    database: DatabaseAccess | None = None  # Metabase's own, once it is there
    database_kept: bool = False  # it is there, whether or not a Metabase is
    provisioned: bool = False  # this Metabase has these dashboards, and its administrator


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it. Users and roles that are absent have no credentials yet."""

    images: Images
    kafka: Mapping[User, KafkaAccess] = field(default_factory=dict)
    databases: Mapping[Role, DatabaseAccess] = field(default_factory=dict)
    # Passwords of the roles that Pulse makes: read back, or new where there was none.
    passwords: Mapping[Role, str] = field(default_factory=dict, repr=False)
    # Write keys of the collector by the names of their senders; empty while they are not known.
    write_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    # How clients of the listener log in: "tls", "scram-sha-512", or None where anybody may. Unset while unknown.
    listener_authentication: str | None = None
    listener_known: bool = False
    topics_made: bool = False  # Kafka has the topics, be they ready or not
    migrated: bool = False  # the database has the schema that these images need
    # Kinds beyond the platform's own that exist there and are used if they do.
    optional_kinds: frozenset[str] = frozenset()
    dashboards: DashboardFacts = DashboardFacts()


@dataclass(frozen=True, slots=True)
class Decision:
    """What shall be: how many consumers, and whether work goes on at all."""

    replicas: int
    suspended: bool = False
