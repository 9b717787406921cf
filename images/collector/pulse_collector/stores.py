"""Where records go: what is asked of it, and how it refuses. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pulse.errors import KafkaUnavailable

Headers = list[tuple[str, str]]


class Record(NamedTuple):
    """A record of the events topic. One that `may_be_left_out` is, where it is larger than the topic takes."""

    key: bytes | None
    value: bytes
    headers: Headers | None = None
    may_be_left_out: bool = False


class Stores(Protocol):
    """Kafka, or Kafka with a disk behind it."""

    async def start(self) -> None:
        """Stop if a person has to act first. That Kafka is away is no reason not to start."""

    @property
    def problem(self) -> str | None:
        """Why nothing can be taken now; None while it can."""

    async def deliver(self, records: Sequence[Record]) -> int:
        """Returns once every record is stored, and how many were left out, as they may be, for their size.

        KafkaUnavailable: some may be stored and some not, so all have to be sent again.
        """

    async def close(self) -> None:
        """For when nobody waits any more."""


class TooLargeForTopic(KafkaUnavailable):
    """Kafka is there, and refuses a record for its size."""


class BufferFull(KafkaUnavailable):
    """Kafka is away, and no more is kept on the disk."""
