"""What one decision leaves for the next: small, bounded and plain, so that it can live in a status or an annotation.

Losing it costs speed (averages start again), never correctness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
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
    before: int  # replicas, or on the way up those of them that were ready: what the effect is measured against
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
    proven: float = 0.0  # the most that one replica was seen to read, at its limit or not
    low_since: float | None = None  # since when fewer replicas would have been enough
    low_most: int = 0  # the most that would have been needed since then
    quiet_since: float | None = None  # since when no record was written and nothing was left to read
    asleep_ends: int | None = None  # sum of the end offsets when that began
    step: Step | None = None
    ceiling: Ceiling | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without those that say nothing."""
        plain: dict[str, Any] = {"version": VERSION}
        for name in _NAMES[Memory]:
            value = getattr(self, name)
            if name == "samples":
                value = [_row(sample) for sample in value]
            elif name == "progress":
                value = {str(number): _row(was) for number, was in value.items()}
            elif name in ("step", "ceiling") and value is not None:
                value = _row(value)
            if value not in (None, [], {}):
                plain[name] = value
        return plain

    @classmethod
    def from_dict(cls, plain: object) -> Memory:
        """The memory that `to_dict` gave. Anything else gives an empty one: a person may have edited or cut it."""
        if not isinstance(plain, dict) or plain.get("version") != VERSION:
            return cls()
        values = {name: value for name, value in plain.items() if name != "version"}
        try:
            parts: dict[str, Any] = {
                "samples": tuple(_part(Sample, row) for row in values.pop("samples", ()))[-MOST_SAMPLES:],
                "progress": {int(key): _part(Progress, row) for key, row in values.pop("progress", {}).items()},
                "step": _part(Step, values.pop("step")) if "step" in values else None,
                "ceiling": _part(Ceiling, values.pop("ceiling")) if "ceiling" in values else None,
            }
            return cls(**_numbers(values), **parts)
        except (TypeError, ValueError, AttributeError):
            return cls()


_NAMES: dict[type, tuple[str, ...]] = {
    part: tuple(found.name for found in fields(part)) for part in (Sample, Progress, Step, Ceiling, Memory)
}


def _row(part: Sample | Progress | Step | Ceiling) -> list[Any]:
    return [getattr(part, name) for name in _NAMES[type(part)]]


def _part(kind: type, row: object) -> Any:
    """One part from its row; TypeError if it is none."""
    if not isinstance(row, list):
        raise TypeError(f"{row!r} is no row")
    return kind(**_numbers(dict(zip(_NAMES[kind], row, strict=True))))


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """The same; TypeError if one of them is no number."""
    for name, value in values.items():
        if not isinstance(value, int | float) and not (value is None and name == "rate_before"):
            raise TypeError(f"{name} is {value!r}, which is no number")
    return values
