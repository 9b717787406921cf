"""What was seen at one moment, and the lag that follows from it. It remembers and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """One partition's log and how far the group committed in it."""

    start: int  # the first offset that the log still has
    end: int  # the offset behind the last record
    committed: int | None = None  # None: the group never committed here

    @property
    def lag(self) -> int:
        """Records still to be read. What the log no longer has cannot be read, so it does not count."""
        position = self.start if self.committed is None else max(self.committed, self.start)
        return max(0, self.end - position)


@dataclass(frozen=True, slots=True)
class Observation:
    """The group and its pods at one moment."""

    at: float  # seconds, on a clock that survives a restart of the operator
    replicas: int  # wanted of the Deployment now
    ready: int
    partitions: Mapping[int, PartitionOffsets] = field(default_factory=dict)
    unknown: str = ""  # why the lag is unknown; "" when it is known

    @property
    def known(self) -> bool:
        return not self.unknown and bool(self.partitions)

    @property
    def why_unknown(self) -> str:
        return self.unknown or "no partition was listed"
