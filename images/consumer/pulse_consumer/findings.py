"""What a check of the accounts finds, and how it is told: as sentences, or as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not add up (`fault`), or that a reader of the accounts should know.

    `first` and `next` are the offsets that it is about, the latter behind the last; `count` is how many rows or offsets
    are concerned; `todo` is what mends it.
    """

    kind: str
    fault: bool
    partition: int
    first: int
    next: int
    count: int
    says: str
    todo: str = ""

    def __str__(self) -> str:
        where = f"partition {self.partition}, offsets {self.first} to {self.next - 1}"
        return f"{where}: {self.says}" + (f" {self.todo}" if self.todo else "")


@dataclass(slots=True)
class Totals:
    """The ledger of one group and partition added up, all passes together."""

    group: str
    partition: int
    ranges: int = 0
    read: int = 0
    inserted: int = 0
    duplicate: int = 0
    conflict: int = 0
    dead: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class LogSeen:
    """The part of Kafka's log that the ledger was compared with: how many offsets hold a record, and how many none.

    `ranges` are the rows of raw.batches that were compared with it.
    """

    first: int
    next: int
    records: int
    lacking: int
    ranges: int


@dataclass(slots=True)
class Checked:
    """One partition of one topic. `log` is None where no log was read."""

    topic_id: str
    partition: int
    totals: list[Totals] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    log: LogSeen | None = None


def faults(checked: Sequence[Checked]) -> list[Finding]:
    """What does not add up, in all of them."""
    return [one for part in checked for one in part.findings if one.fault]


def as_json(checked: Sequence[Checked]) -> dict[str, Any]:
    """All of it as plain values."""
    return {"adds_up": not faults(checked), "partitions": [asdict(part) for part in checked]}


def told(checked: Sequence[Checked]) -> str:
    """All of it in words: what is wrong first to last, notes, and one line that sums up."""
    lines = [
        f"{'DOES NOT ADD UP' if one.fault else 'note'}: topic {part.topic_id}, {one}"
        for part in checked
        for one in part.findings
    ]
    total = [totals for part in checked for totals in part.totals]
    sums = {name: sum(getattr(one, name) for one in total) for name in ("read", "inserted", "duplicate")}
    sums |= {name: sum(getattr(one, name) for one in total) for name in ("conflict", "dead", "skipped")}
    found = len(faults(checked))
    books = (
        f"{sums['read']:,} records read = {sums['inserted']:,} inserted + {sums['duplicate']:,} duplicates + "
        f"{sums['conflict']:,} conflicts + {sums['dead']:,} dead letters, in {len(total)} partitions; "
        f"{sums['skipped']:,} offsets that the log itself lacks."
    )
    logs = [part.log for part in checked if part.log]
    if logs:
        lines.append(
            f"Kafka's log: {sum(one.records for one in logs):,} records and {sum(one.lacking for one in logs):,} "
            f"offsets without one, beside {sum(one.ranges for one in logs):,} ranges of the ledger."
        )
    return "\n".join([*lines, f"It adds up: {books}" if not found else f"{found} faults. The ledger says: {books}"])
