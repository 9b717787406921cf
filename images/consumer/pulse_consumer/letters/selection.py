"""Which letters a command is about. Pure: the words of a person become the parameters of one constant condition."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from pulse.env import duration
from pulse_consumer.letters.letter import Coordinates

# Every condition that was not asked for is null, and passes all.
CONDITION = """
    (%(classes)s::text[] is null or letters.class = any(%(classes)s))
    and (%(field)s::text is null or letters.field = %(field)s)
    and (%(since)s::timestamptz is null or letters.first_seen >= %(since)s)
    and (%(until)s::timestamptz is null or letters.first_seen < %(until)s)
    and (%(topic)s::text is null or letters.topic = %(topic)s)
    and (%(partition)s::integer is null or letters.partition_id = %(partition)s)
    and (%(states)s::text[] is null or states.state = any(%(states)s))
    and (%(topic_ids)s::uuid[] is null or exists (
        select from unnest(%(topic_ids)s::uuid[], %(partitions)s::integer[], %(offsets)s::bigint[])
            as named (topic_id, partition_id, kafka_offset)
        where (named.topic_id is null or named.topic_id = letters.topic_id)
            and named.partition_id = letters.partition_id and named.kafka_offset = letters.kafka_offset
    ))
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Letters that meet every condition that is given; `limit` of them, the oldest first."""

    classes: tuple[str, ...] = ()
    field: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    topic: str | None = None
    partition: int | None = None
    states: tuple[str, ...] = ()
    places: tuple[Coordinates, ...] = ()
    limit: int | None = None

    def parameters(self) -> dict[str, Any]:
        """The values of CONDITION."""
        places = self.places or None
        return {
            "classes": list(self.classes) or None,
            "field": self.field,
            "since": self.since,
            "until": self.until,
            "topic": self.topic,
            "partition": self.partition,
            "states": list(self.states) or None,
            "topic_ids": places and [place.topic_id for place in places],
            "partitions": places and [place.partition for place in places],
            "offsets": places and [place.offset for place in places],
        }


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """A day, a time as RFC 3339 writes it (no zone is UTC), or a duration such as 2h before `now`; else ValueError."""
    try:
        return now - duration(text)
    except ValueError:
        pass
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write 2026-01-31, 2026-01-31T08:00:00Z, or 2h for two hours ago"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
