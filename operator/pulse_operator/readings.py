"""What Kafka answered about one pipeline, as values: where its logs and commits stand, and how its topics are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulse_operator.scaling import PartitionOffsets


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer about the lag, or why there is none: `problem` is a sentence, `problem_kind` a word for programs."""

    at: float
    partitions: Mapping[int, PartitionOffsets] = field(default_factory=dict)
    problem: str = ""
    problem_kind: str = ""

    @property
    def lag(self) -> int:
        """Records in the log that no consumer has committed."""
        return sum(offsets.lag for offsets in self.partitions.values())


@dataclass(frozen=True, slots=True)
class TopicReading:
    """The settings in force of topics that Pulse did not make; `missing` are those that are not there."""

    at: float
    configs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    problem: str = ""
