"""The consumer's hot path, compiled: rows of the records that are plain cases of the event contract."""

from collections.abc import Sequence
from typing import Any

__version__: str

class Packer:
    """Packs the records of one topic."""

    def __init__(self, topic_id: bytes, left_out_context: Sequence[str], event_types: Sequence[str] | None) -> None:
        """`left_out_context` names what of properties.context is no part of an event's identity; `event_types` are
        the only ones that are taken, None takes every one of the right form."""

    def rows(self, records: list[Any]) -> list[bytes | None]:
        """For each record, shaped as pulse_consumer.record.Record, the row that pulse_consumer.rows.packed makes of it;
        None for one that is no plain case. Other threads run meanwhile."""
