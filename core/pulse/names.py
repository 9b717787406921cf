"""Every name that is derived from a pipeline's name, in one place."""

from __future__ import annotations

import re

from pulse.errors import SettingsError

_PIPELINE = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")

INGEST_ROLE = "pulse_ingest"
TRANSFORM_ROLE = "pulse_transform"
READER_ROLE = "pulse_reader"


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
