"""Every name that is derived from a pipeline's name, in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pulse.errors import SettingsError

_PIPELINE = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")

DEFAULT_ROLE_PREFIX = "pulse"
_ROLE_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED_PREFIXES = ("pg_", "cnpg_")  # by Postgres, and by CloudNativePG


@dataclass(frozen=True, slots=True)
class DatabaseRoles:
    """The roles that work on one database. They belong to the server, so pipelines that share one need roles each."""

    owner: str  # owns the database, and migrates it
    ingest: str
    transform: str
    reader: str


def checked_pipeline(name: str) -> str:
    """The name itself, or SettingsError: it becomes part of topics, groups and object names (63 characters at most)."""
    if not _PIPELINE.fullmatch(name):
        raise SettingsError(
            f"Pipeline name {name!r} is refused: use 1 to 40 lower-case letters, digits and hyphens, "
            "starting with a letter and not ending with a hyphen."
        )
    return name


def events_topic(pipeline: str) -> str:
    """The topic that producers write events to."""
    return f"{pipeline}-events"


def dlq_topic(pipeline: str) -> str:
    """The topic that receives a copy of every dead letter."""
    return f"{pipeline}-dlq"


def consumer_group(pipeline: str) -> str:
    """The Kafka group of the consumer, and the key of its rows in raw.consumer_offsets."""
    return f"{pipeline}-consumer"


def database_roles(prefix: str = DEFAULT_ROLE_PREFIX) -> DatabaseRoles:
    """The roles with that prefix, or SettingsError: Postgres cuts names off behind 63 bytes and reserves some."""
    if not _ROLE_PREFIX.fullmatch(prefix):
        raise SettingsError(
            f"Role prefix {prefix!r} is refused: use 1 to 40 lower-case letters, digits and underscores, "
            "starting with a letter."
        )
    if f"{prefix}_".startswith(_RESERVED_PREFIXES):
        raise SettingsError(
            f"Role prefix {prefix!r} is refused: names that start with pg_ are reserved by Postgres, and those with "
            "cnpg_ by CloudNativePG. Use another."
        )
    return DatabaseRoles(*(f"{prefix}_{role}" for role in ("owner", "ingest", "transform", "reader")))


def metabase_role(prefix: str) -> str:
    """The role of a pipeline's Metabase, which owns a database of the same name."""
    return f"{prefix}_metabase"


def role_prefix(pipeline: str) -> str:
    """The prefix that tells a pipeline's roles from those of every other pipeline on the server."""
    return pipeline.replace("-", "_")
