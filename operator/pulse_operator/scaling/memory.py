"""What one decision leaves for the next: small, bounded and plain, so that it can live in a status or an annotation.

Losing it costs speed (averages start again), never correctness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1
MOST_SAMPLES = 30


@dataclass(frozen=True, slots=True)
class Sample:
    """What happened between two polls, stalled partitions aside."""

    at: float
    seconds: float
    lag: int
    produced: int
    hottest: int  # of that, in the partition that got the most
    consumed: int
    settled: bool  # no pod came or went in between
    saturated: bool  # settled, and every replica had more to read than it could


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a partition stood at the last poll."""

    end: int
    committed: int  # -1: no commit
    unmoved: int  # polls in a row without a new commit although there was something to read


@dataclass(frozen=True, slots=True)
class Step:
    """The last change of replicas, whoever made it."""

    at: float
    before: int
    after: int
    rate_before: float | None  # consumed per second just before, if the replicas had all they could do
    judged: bool = False  # whether it is known what it brought


@dataclass(frozen=True, slots=True)
class Ceiling:
    """More replicas than this were tried and did not help; forgotten at `until`."""

    replicas: int
    until: float


@dataclass(frozen=True, slots=True)
class Memory:
    """All of it."""

    at: float | None = None
    replicas: int | None = None
    ready: int | None = None
    moved_at: float | None = None  # the last change of replicas or of ready pods
    joined_at: float | None = None  # the last change of ready pods: only then do partitions change hands
    unsettled_since: float | None = None
    samples: tuple[Sample, ...] = ()
    progress: Mapping[int, Progress] = field(default_factory=dict)
    capacity: float | None = None  # consumed per second by one replica with all it could do
    capacity_at: float = 0.0
    low_since: float | None = None  # since when fewer replicas would have been enough
    low_most: int = 0  # the most that would have been needed since then
    quiet_since: float | None = None  # since when no record was written and nothing was left to read
    asleep_ends: int | None = None  # sum of the end offsets when that began
    step: Step | None = None
    ceiling: Ceiling | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = asdict(self)
        plain["samples"] = [list(asdict(sample).values()) for sample in self.samples]
        plain["progress"] = {str(number): list(asdict(was).values()) for number, was in self.progress.items()}
        return {"version": VERSION, **{name: value for name, value in plain.items() if value not in (None, [], {})}}

    @classmethod
    def from_dict(cls, plain: object) -> Memory:
        """The memory that `to_dict` gave. Anything else gives an empty one: a person may have edited or cut it."""
        if not isinstance(plain, dict) or plain.get("version") != VERSION:
            return cls()
        values = {name: value for name, value in plain.items() if name != "version"}
        try:
            values["samples"] = tuple(Sample(*row) for row in values.get("samples", ()))[-MOST_SAMPLES:]
            values["progress"] = {int(number): Progress(*row) for number, row in values.get("progress", {}).items()}
            values["step"] = Step(**values["step"]) if "step" in values else None
            values["ceiling"] = Ceiling(**values["ceiling"]) if "ceiling" in values else None
            return _checked(cls(**values))
        except (TypeError, ValueError, AttributeError):
            return cls()


def _checked(memory: Memory) -> Memory:
    """The memory, or TypeError if a number in it is none."""
    parts = [memory, *memory.samples, *memory.progress.values(), memory.step, memory.ceiling]
    for part in parts:
        for value in asdict(part).values() if part is not None else ():
            if not isinstance(value, int | float | list | tuple | dict | None):
                raise TypeError(f"{value!r} is no number")
    return memory
