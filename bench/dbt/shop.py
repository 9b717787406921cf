"""The events of a shop, made in the database itself, with weeks, ledger and offsets as the consumer keeps them.

The same numbers make the same events. Visitors differ in how often they come, sessions in length and depth; two events
in a hundred are late, by minutes to hours.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from pulse.weeks import weeks
from pulse_consumer.keeping import partitions

GROUP, TOPIC, TOPIC_ID = "bench-consumer", "bench-events", uuid.UUID(int=0xBE)
PARTITIONS = 3
EVENTS_A_SESSION = 8  # on average: 1 to 15 of them
LATEST = timedelta(hours=6)
_RECORDS_A_BATCH = 20_000

# Numbers from 0 up to 1 that look random and are the same each time: of the session, and of the event.
_SESSIONS = """
select
    number,
    floor(visitors * power(h(number, 1), 1.5))::int as visitor,
    started_at + (number - first + h(number, 2)) * pace as started_at,
    1 + floor(15 * h(number, 3))::int as length,
    5 + 175 * h(number, 4) as pause_seconds,
    floor(5 * h(number, 5))::int as depth,
    h(number, 6) as origin
from generate_series(%(first)s::bigint, %(first)s::bigint + %(sessions)s - 1) as number
cross join (values (%(first)s::bigint, %(visitors)s::int, %(start)s::timestamptz, %(pace)s::interval))
    as told (first, visitors, started_at, pace)
"""

_EVENTS = f"""
with

sessions as materialized ({_SESSIONS}),

steps as (
    select
        sessions.*,
        place,
        number * 16 + place as event_number,
        started_at + make_interval(secs => place * pause_seconds) as arrived_at
    from sessions
    cross join lateral generate_series(0, length - 1) as place
),

events as (
    select
        *,
        arrived_at - case
            when h(event_number, 7) < 0.02
                then interval '6 minutes' + power(h(event_number, 8), 2) * (interval '{LATEST}' - interval '6 minutes')
            else h(event_number, 8) * interval '3 seconds'
        end as happened_at,
        md5(event_number::text) as digest,
        case when place %% 4 = 3 then 'search'
            else (array['page_view', 'product_view', 'add_to_cart', 'checkout', 'payment'])
                [1 + least(depth, place * 5 / length)]
        end as event_type
    from steps
    order by arrived_at
    limit %(most)s
)

insert into raw.events (
    event_id, event_type, user_id, event_timestamp, page, category, anonymous_id, properties, fingerprint,
    kafka_timestamp, kafka_timestamp_trusted, topic_id, kafka_partition, kafka_offset, ingested_at
)
select
    (lpad(to_hex((extract(epoch from happened_at) * 1000)::bigint), 12, '0') || '7' || substr(digest, 1, 3) || '8'
        || substr(digest, 4, 15))::uuid,
    event_type,
    'visitor-' || visitor,
    happened_at,
    '/' || event_type || '/' || event_number %% 200,
    case when event_type = 'product_view' then 'category-' || event_number %% 12 end,
    case when origin < 0.3 then 'browser-' || visitor end,
    case
        when place > 0 then '{{"context": {{"is_bot": false, "device": "mobile"}}}}'
        when origin < 0.5 then '{{"context": {{"is_bot": false, "referrer": "https://search.example/find?q=shoes"}}}}'
        else '{{"context": {{"is_bot": false, "utm": {{"source": "mail", "medium": "letter", "campaign": "may"}}}}}}'
    end::jsonb,
    decode(digest, 'hex'),
    arrived_at,
    true,
    %(topic_id)s,
    visitor %% {PARTITIONS},
    next_offset + row_number() over (partition by visitor %% {PARTITIONS} order by arrived_at) - 1,
    arrived_at + interval '100 milliseconds'
from events
inner join unnest(%(offsets)s::bigint[]) with ordinality as stored (next_offset, place_of_partition)
    on visitor %% {PARTITIONS} = place_of_partition - 1
"""

_RANDOM = """
create function h(number bigint, salt bigint) returns double precision language sql immutable
return (hashint8extended(number, salt) & 1073741823) / 1073741824.0::double precision
"""

_LEDGER = """
insert into raw.batches (
    consumer_group, topic_id, partition_id, epoch, first_offset, next_offset, read, inserted, duplicate, conflict, dead,
    skipped, committed_at
)
select %(group)s, %(topic_id)s, %(partition)s, 1, first, next, next - first, next - first, 0, 0, 0, 0,
    %(start)s::timestamptz + (next - %(before)s)::double precision / (%(after)s - %(before)s)
        * (%(end)s::timestamptz - %(start)s::timestamptz)
from generate_series(%(before)s::bigint, %(after)s::bigint - 1, %(records)s) as first
cross join lateral least(first + %(records)s, %(after)s::bigint) as next
"""

_STAND = """
insert into raw.consumer_offsets (consumer_group, topic, partition_id, topic_id, next_offset, epoch)
values (%s, %s, %s, %s, %s, 1)
on conflict (consumer_group, topic, partition_id) do update set next_offset = excluded.next_offset, updated_at = now()
"""

_HIGHEST = "select max(kafka_offset) from raw.events where topic_id = %s and kafka_partition = %s"


@dataclass
class Shop:
    """What was made so far: a session number is used once, and offsets follow each other."""

    connection: psycopg.Connection[Any]
    visitors: int
    sessions: int = 0

    def __post_init__(self) -> None:
        self.connection.execute(_RANDOM)
        self.offsets = [0] * PARTITIONS

    def history(self, start: datetime, end: datetime, events: int) -> int:
        """About so many events that arrive evenly between the two moments. Returns how many there are."""
        made, day = 0, timedelta(days=1)
        while start < end:  # in pieces that can be sorted in memory
            until = min(start + 7 * day, end)
            share = round((events - made) * ((until - start) / (end - start)))
            made += self.arrive(start, until, share)
            start = until
        return made

    def arrive(self, start: datetime, end: datetime, events: int, most: int | None = None) -> int:
        """About so many events, and at most `most`, in one transaction with what the consumer keeps beside them."""
        sessions = max(1, round(events / EVENTS_A_SESSION))
        with self.connection.transaction():
            self._make_weeks(start - LATEST, end)
            told = {
                "first": self.sessions,
                "sessions": sessions,
                "visitors": self.visitors,
                "start": start,
                "pace": (end - start) / sessions,
                "most": most,
                "topic_id": TOPIC_ID,
                "offsets": self.offsets,
            }
            stored = self.connection.execute(_EVENTS.encode(), told).rowcount
            for partition in range(PARTITIONS):
                self._account(partition, start, end)
        self.sessions += sessions
        return stored

    def _make_weeks(self, start: datetime, end: datetime) -> None:
        there = set(partitions.existing(self.connection))
        for week in weeks(start, end):
            if week not in there:
                partitions.create(self.connection, week)

    def _account(self, partition: int, start: datetime, end: datetime) -> None:
        row = self.connection.execute(_HIGHEST, (TOPIC_ID, partition)).fetchone()
        before, after = self.offsets[partition], row[0] + 1 if row and row[0] is not None else 0
        if after == before:
            return
        told = {"group": GROUP, "topic_id": TOPIC_ID, "partition": partition, "records": _RECORDS_A_BATCH}
        self.connection.execute(_LEDGER, {**told, "before": before, "after": after, "start": start, "end": end})
        self.connection.execute(_STAND, (GROUP, TOPIC, partition, TOPIC_ID, after))
        self.offsets[partition] = after
