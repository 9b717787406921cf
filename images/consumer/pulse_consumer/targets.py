"""Which stored offsets may be set to what, and how that is said before it is done. Pure: it asks nobody.

Every rule here keeps one promise: no command leaves an event out without saying so, and none sets an offset that the
log does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pulse.errors import OffsetsDisagree
from pulse_consumer.offsets import Bounds, Source

FROM_THE_BEGINNING = "`pulse offsets reset --to-beginning` reads what the log holds from its beginning."


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of raw.consumer_offsets; `topic_id` are the 16 bytes of the topic that it is about."""

    topic_id: bytes
    next_offset: int
    epoch: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Chosen:
    """The next offset that each partition gets, and a line for each partition that says what that means."""

    targets: Mapping[int, int]
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What retention left: of the events stored before `since` any may be gone.

    `floors` gives, by partition, the offset behind the last one that was read before then; none where all was read
    since. `since` is None where nothing was ever removed.
    """

    since: datetime | None = None
    floors: Mapping[int, int] = field(default_factory=dict)


def within_kept(source: Source, chosen: Chosen, kept: Kept, force: bool) -> Chosen:
    """What was chosen, if nothing that retention removed would be stored a second time by it.

    Else OffsetsDisagree, which names every such partition; or, with `force`, a line for each.
    """
    behind = [
        f"{_name(partition)}: {target} lies before {kept.floors[partition]}. What was read there was stored before "
        f"{kept.since:%Y-%m-%d %H:%M} UTC, and events of it that retention has removed "
        for partition, target in sorted(chosen.targets.items())
        if target < kept.floors.get(partition, 0)
    ]
    if not force:
        _refuse(source, [f"{one}would be stored again, as new ones. --force does it all the same." for one in behind])
    return Chosen(chosen.targets, [*chosen.lines, *(f"{one}ARE STORED AGAIN" for one in behind)])


def from_beginning(log: Mapping[int, Bounds]) -> Chosen:
    """Every partition at the first offset that the log holds."""
    return Chosen(
        {partition: bounds.low for partition, bounds in log.items()},
        [
            f"{_name(partition)}: from {bounds.low}, {_to_the_end(bounds.low, bounds)}"
            for partition, bounds in _sorted(log)
        ],
    )


def rewound(
    source: Source, stored: Mapping[int, Stored], log: Mapping[int, Bounds], wanted: Mapping[int, int], exact: bool
) -> Chosen:
    """The partitions of `wanted` at these offsets, none further than it stands now.

    `exact` says that a person named the offsets, and so that one ahead of the stored offset is refused; else such a
    partition stays where it is. OffsetsDisagree names every partition that cannot be rewound.
    """
    refused, targets, lines = [], {}, []
    for partition, target in sorted(wanted.items()):
        problem = _no_rewind(source, stored.get(partition), log.get(partition), target, exact)
        if problem:
            refused.append(f"{_name(partition)}: {problem}")
            continue
        held, bounds = stored.get(partition), log[partition]
        if held is None:
            lines.append(f"{_name(partition)}: stays; it has no stored offset and starts at the log's beginning anyway")
        elif target >= held.next_offset:
            lines.append(f"{_name(partition)}: stays at {held.next_offset}, which is no later")
        else:
            targets[partition] = target
            lines.append(
                f"{_name(partition)}: from {target}, {held.next_offset - target} offsets before the stored "
                f"{held.next_offset}, {_to_the_end(target, bounds)}"
            )
    _refuse(source, refused)
    return Chosen(targets, lines)


def _no_rewind(source: Source, held: Stored | None, bounds: Bounds | None, target: int, exact: bool) -> str:
    if bounds is None:
        return "the topic has no such partition."
    if held is not None and held.topic_id != source.topic_id:
        return f"the stored offset belongs to a topic that was deleted and created again. {FROM_THE_BEGINNING}"
    if not bounds.low <= target <= bounds.high:
        return f"the log holds the offsets from {bounds.low} to {bounds.high}, not {target}."
    if exact and held is None:
        return "it has no stored offset to rewind. `pulse offsets adopt` gives it one."
    if exact and held is not None and target > held.next_offset:
        return (
            f"{target} lies ahead of the stored offset {held.next_offset}: a rewind leaves nothing out. "
            "`pulse offsets adopt --force` does."
        )
    return ""


def adopted(
    source: Source, stored: Mapping[int, Stored], log: Mapping[int, Bounds], wanted: Mapping[int, int], force: bool
) -> Chosen:
    """The partitions of `wanted` at these offsets. OffsetsDisagree names every one that cannot take its offset."""
    refused, lines = [], []
    for partition, target in sorted(wanted.items()):
        held, bounds = stored.get(partition), log.get(partition)
        if bounds is None:
            refused.append(f"{_name(partition)}: the topic has no such partition.")
        elif not bounds.low <= target <= bounds.high:
            refused.append(
                f"{_name(partition)}: the log holds the offsets from {bounds.low} to {bounds.high}, not {target}."
            )
        elif held is not None and not force:
            refused.append(
                f"{_name(partition)}: it has the stored offset {held.next_offset} already; --force replaces it."
            )
        else:
            lines.append(
                f"{_name(partition)}: from {target}, {_to_the_end(target, bounds)}{_left_out(held, target, bounds)}"
            )
    lines += [
        f"{_name(partition)}: gets none, and starts at the log's beginning, {bounds.low}"
        for partition, bounds in _sorted(log)
        if partition not in wanted and partition not in stored
    ]
    _refuse(source, refused)
    return Chosen(dict(wanted), lines)


def read_again(stored: Mapping[int, Stored], source: Source, targets: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """The offsets that will be read a second time, by partition: the first, and the one behind the last."""
    return {
        partition: (target, stored[partition].next_offset)
        for partition, target in targets.items()
        if partition in stored
        and stored[partition].topic_id == source.topic_id
        and target < stored[partition].next_offset
    }


def _left_out(held: Stored | None, target: int, bounds: Bounds) -> str:
    start = bounds.low if held is None else held.next_offset
    return f"; LEFT OUT: {target - start} offsets from {start} on" if target > start else ""


def _to_the_end(target: int, bounds: Bounds) -> str:
    return f"{bounds.high - target} offsets to the end"


def _refuse(source: Source, refused: Sequence[str]) -> None:
    if refused:
        raise OffsetsDisagree(
            f"{source.topic}, group {source.group}: nothing was changed.\n" + "\n".join(f"  {one}" for one in refused)
        )


def _name(partition: int) -> str:
    return f"partition {partition}"


def _sorted(log: Mapping[int, Bounds]) -> list[tuple[int, Bounds]]:
    return sorted(log.items())
