"""Where a group stands, partition by partition, beside what the log holds: what `pulse offsets show` tells. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

from pulse_consumer.offsets import Bounds, Source
from pulse_consumer.targets import FROM_THE_BEGINNING, Stored

_COLUMNS = ("partition", "stored", "epoch", "log from", "log to", "lag", "topic", "stored at")


@dataclass(frozen=True, slots=True)
class Standing:
    """One partition. What is unknown because there is no stored offset, or no such partition, is None."""

    partition: int
    stored: Stored | None
    log: Bounds | None
    readable: int | None  # how far a reader can come: records of an open transaction are not waiting
    same_topic: bool
    problem: str

    @property
    def lag(self) -> int | None:
        """Offsets that wait to be read; None where stored offset and log do not belong together."""
        if self.problem or self.log is None or self.readable is None:
            return None
        return max(0, self.readable - (self.stored.next_offset if self.stored else self.log.low))

    def as_json(self) -> dict[str, Any]:
        held = self.stored
        return {
            "partition": self.partition,
            "next_offset": held.next_offset if held else None,
            "epoch": held.epoch if held else None,
            "updated_at": held.updated_at.astimezone(UTC).isoformat() if held else None,
            "topic_id": str(UUID(bytes=held.topic_id)) if held else None,
            "same_topic": self.same_topic if held else None,
            "log_low": self.log.low if self.log else None,
            "log_high": self.log.high if self.log else None,
            "lag": self.lag,
            "problem": self.problem or None,
        }


def standings(
    source: Source, stored: Mapping[int, Stored], log: Mapping[int, Bounds], readable: Mapping[int, int]
) -> list[Standing]:
    """Every partition that the topic or a stored offset has, in order."""
    return [
        Standing(
            number,
            stored.get(number),
            log.get(number),
            readable.get(number),
            number not in stored or stored[number].topic_id == source.topic_id,
            _problem(source, stored.get(number), log.get(number)),
        )
        for number in sorted({*stored, *log})
    ]


def _problem(source: Source, held: Stored | None, log: Bounds | None) -> str:
    if held is None:
        return ""
    if log is None:
        return "the topic has no such partition."
    if held.topic_id != source.topic_id:
        return f"the stored offset belongs to a topic that was deleted and created again. {FROM_THE_BEGINNING}"
    if held.next_offset < log.low:
        return f"the log no longer holds {log.low - held.next_offset} offsets that were not read. {FROM_THE_BEGINNING}"
    if held.next_offset > log.high:
        return f"the stored offset lies {held.next_offset - log.high} behind the log's end. {FROM_THE_BEGINNING}"
    return ""


def table(source: Source, found: Sequence[Standing]) -> str:
    """The standings as a person reads them."""
    rows = [_COLUMNS, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    title = f"Group {source.group}, topic {source.topic} ({UUID(bytes=source.topic_id)}):"
    lines = ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    problems = [f"partition {one.partition}: {one.problem}" for one in found if one.problem]
    return "\n".join([title, *lines, *problems])


def _row(one: Standing) -> tuple[str, ...]:
    held = one.stored
    return (
        str(one.partition),
        str(held.next_offset) if held else "none",
        str(held.epoch) if held else "",
        str(one.log.low) if one.log else "gone",
        str(one.log.high) if one.log else "gone",
        "unknown" if one.lag is None else str(one.lag),
        "same" if one.same_topic else "another",
        held.updated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if held else "",
    )
