"""`pulse verify`: reads the ledger and the tables beside it, and lets `chain` and `holdings` judge.

Every partition is read in one snapshot of its own, so a consumer may run meanwhile. The ledger comes through a cursor
and rows are counted by the database: memory holds a block of stretches, whatever the tables hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from pulse.adapters import postgres
from pulse_consumer import holdings
from pulse_consumer.chain import Chain, End, Moved, Range, Span
from pulse_consumer.findings import Checked, Finding, Totals
from pulse_consumer.holdings import Stretch

_BLOCK_STRETCHES = 5_000
_FETCH_ROWS = 10_000

# Where rows are, by partition; found in the indexes step by step, as the tables may hold billions.
_PLACES = """
with recursive place as (
    (select topic_id, kafka_partition from raw.events order by 1, 2 limit 1)
    union all
    select following.topic_id, following.kafka_partition from place, lateral (
        select topic_id, kafka_partition from raw.events
        where (topic_id, kafka_partition) > (place.topic_id, place.kafka_partition) order by 1, 2 limit 1
    ) as following
)
select topic_id, kafka_partition from place
union select topic_id, partition_id from raw.batches
union select topic_id, partition_id from raw.dead_letters
union select topic_id, partition_id from raw.event_conflicts
union select topic_id, partition_id from raw.consumer_offsets
order by 1, 2
"""

_TOTALS = """
select consumer_group, count(*), sum(read), sum(inserted), sum(duplicate), sum(conflict), sum(dead), sum(skipped),
    count(*) filter (
        where read <> inserted + duplicate + conflict + dead or next_offset - first_offset <> read + skipped)
from raw.batches where topic_id = %(topic_id)s and partition_id = %(partition)s group by 1 order by 1
"""

_RANGES = """
select consumer_group, epoch, first_offset, next_offset from raw.batches
where topic_id = %(topic_id)s and partition_id = %(partition)s order by consumer_group, batch_id
"""

_MOVES = """
select consumer_group, move_id, epoch, case when old_topic_id = topic_id then old_next_offset end, next_offset
from raw.offset_moves where topic_id = %(topic_id)s and partition_id = %(partition)s order by 1, 2
"""

# Where each group stands in this topic: the stored offset, or where it was left for another topic of its name.
_ENDS = """
select distinct on (consumer_group) consumer_group, next_offset, epoch from (
    select consumer_group, next_offset, epoch, 0 as rank from raw.consumer_offsets
    where topic_id = %(topic_id)s and partition_id = %(partition)s
    union all
    select consumer_group, old_next_offset, old_epoch, row_number() over (order by move_id desc) from raw.offset_moves
    where old_topic_id = %(topic_id)s and topic_id <> old_topic_id and partition_id = %(partition)s
) as ends order by consumer_group, rank
"""

_STRETCHES = """
with steps as (
    select *, first_offset is distinct from
        lag(next_offset) over (partition by consumer_group order by batch_id) as turns
    from raw.batches where topic_id = %(topic_id)s and partition_id = %(partition)s
), passes as (
    select *, count(*) filter (where turns) over (partition by consumer_group order by batch_id) as pass,
        first_offset >= coalesce(max(next_offset) over (order by first_offset, next_offset, batch_id
            rows between unbounded preceding and 1 preceding), first_offset) as begins
    from steps
), stretches as (
    select *, count(*) filter (where begins) over (order by first_offset, next_offset, batch_id) as stretch from passes
), each_pass as (
    select stretch, min(first_offset) as first, max(next_offset) as next, sum(inserted) as inserted,
        sum(conflict) as conflict, sum(dead) as dead, min(committed_at) as committed_at
    from stretches group by stretch, consumer_group, pass
)
select min(first), max(next), sum(inserted)::bigint, sum(conflict)::bigint, max(conflict)::bigint, sum(dead)::bigint,
    max(dead)::bigint, min(committed_at)
from each_pass group by stretch order by 1
"""

_COUNTS = sql.SQL("""
select bucket, count(*) filter (where place < (%(nexts)s::bigint[])[bucket]), count(*),
    min(place) filter (where bucket = 0 or place >= (%(nexts)s::bigint[])[bucket]),
    max(place) filter (where bucket = 0 or place >= (%(nexts)s::bigint[])[bucket])
from (
    select {offset} as place, width_bucket({offset}, %(firsts)s::bigint[]) as bucket from {table}
    where topic_id = %(topic_id)s and {partition} = %(partition)s and {offset} >= %(low)s and {offset} < %(high)s
) as placed group by bucket order by bucket
""")

# Rows that a later pass stored at offsets which an earlier one had read: they had gone meanwhile.
_STORED_AGAIN = """
with known as (
    select *, max(next_offset) over before as reached, max(committed_at) over before as last_commit
    from raw.batches where topic_id = %(topic_id)s and partition_id = %(partition)s
    window before as (order by batch_id rows between unbounded preceding and 1 preceding)
), again as materialized (
    select first_offset, least(next_offset, reached) as upto, last_commit from known
    where inserted > 0 and first_offset < reached and first_offset < %(next)s and next_offset > %(first)s
)
select count(*) from raw.events as held
where topic_id = %(topic_id)s and kafka_partition = %(partition)s
    and kafka_offset >= %(first)s and kafka_offset < %(next)s
    and exists (select from again where held.kafka_offset >= first_offset and held.kafka_offset < upto
        and held.ingested_at > last_commit)
"""

_LOWEST, _HIGHEST = 0, 2**63 - 1
_TABLES = {
    "raw.events": ("kafka_partition", "kafka_offset"),
    "raw.dead_letters": ("partition_id", "kafka_offset"),
    "raw.event_conflicts": ("partition_id", "kafka_offset"),
}

Connection = psycopg.Connection[Any]
Tell = Callable[[str], None]


def verified(dsn: str, tell: Tell) -> list[Checked]:
    """Every partition of every topic that the database knows. `tell` hears how far it is.

    Raises DatabaseUnavailable or DatabaseWrong if that cannot be read.
    """
    with (
        postgres.connect(dsn, "pulse-verify") as connection,
        postgres.translating("Reading the ledger"),
    ):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        places = connection.execute(_PLACES).fetchall()
        connection.commit()
        checked = []
        for number, (topic_id, partition) in enumerate(places, 1):
            tell(f"partition {partition} of topic {topic_id}, {number} of {len(places)}")
            with connection.transaction():
                checked.append(_Partition(connection, topic_id, partition).check())
        return checked


class _Partition:
    """One partition in one snapshot."""

    def __init__(self, connection: Connection, topic_id: UUID, partition: int) -> None:
        self._connection = connection
        self._number = partition
        self._words: dict[str, Any] = {"topic_id": topic_id, "partition": partition}
        self._found = Checked(str(topic_id), partition)

    def check(self) -> Checked:
        self._add_up()
        closed = self._follow_chains()
        low, stretches = _LOWEST, self._stretches()
        block = list(islice(stretches, _BLOCK_STRETCHES))
        while True:
            following = list(islice(stretches, _BLOCK_STRETCHES))
            high = following[0].first if following else _HIGHEST
            self._compare(block, low, high, closed)
            if not following:
                return self._found
            low, block = high, following

    def _add_up(self) -> None:
        for group, ranges, *sums, unequal in self._connection.execute(_TOTALS, self._words):
            self._found.totals.append(Totals(group, self._number, ranges, *(int(one) for one in sums)))
            if unequal:
                says = f"{unequal} rows of raw.batches, group {group}, whose parts are not their sum."
                self._found.findings.append(Finding("sum", True, self._number, 0, 1, unequal, says))

    def _follow_chains(self) -> list[Span]:
        """Follows every group through its ranges; returns the holes that another pass closed."""
        moves: dict[str, list[Moved]] = {}
        for group, *move in self._connection.execute(_MOVES, self._words):
            moves.setdefault(group, []).append(Moved(*move))
        ends = {group: End(*end) for group, *end in self._connection.execute(_ENDS, self._words)}
        chains = {group: Chain(group, self._number, moves.get(group, ())) for group in {*moves, *ends}}
        with self._connection.cursor("ranges") as cursor:
            cursor.itersize = _FETCH_ROWS
            for group, *found in cursor.execute(_RANGES, self._words):
                chains.setdefault(group, Chain(group, self._number, ())).add(Range(*found))
        closed: list[Span] = []
        for group, chain in sorted(chains.items()):
            result = chain.end(ends.get(group))
            self._found.findings += result.findings
            closed += result.closed
        return closed

    def _stretches(self) -> Iterator[Stretch]:
        kept_from = _kept_from(self._connection, "ops.retention")
        letters_from = _kept_from(self._connection, "ops.dead_letter_retention")
        with self._connection.cursor("stretches") as cursor:
            cursor.itersize = _BLOCK_STRETCHES
            for row in cursor.execute(_STRETCHES, self._words):
                first, following, inserted, conflict, most_conflict, dead, most_dead, committed_at = row
                yield Stretch(
                    first,
                    following,
                    inserted,
                    conflict,
                    most_conflict,
                    dead,
                    most_dead,
                    expired=kept_from is not None and committed_at < kept_from,
                    letters_expired=letters_from is not None and committed_at < letters_from,
                )

    def _compare(self, block: Sequence[Stretch], low: int, high: int, closed: Sequence[Span]) -> None:
        rows, dead, conflicts = (self._counts(table, block, low, high) for table in _TABLES)
        for number, stretch in enumerate(block):
            held = rows.get(number + 1, 0)
            again = self._stored_again(stretch) if held < stretch.inserted and not stretch.expired else 0
            self._found.findings += holdings.events(self._number, stretch, held, again, closed)
            self._found.findings += holdings.ledger(
                "raw.dead_letters", self._number, stretch, dead.get(number + 1, 0), stretch.dead, stretch.most_dead
            )
            self._found.findings += holdings.ledger(
                "raw.event_conflicts",
                self._number,
                stretch,
                conflicts.get(number + 1, 0),
                stretch.conflict,
                stretch.most_conflict,
            )

    def _counts(self, table: str, block: Sequence[Stretch], low: int, high: int) -> dict[int, int]:
        """Rows in each stretch, numbered from 1; those between stretches are told at once."""
        partition, offset = _TABLES[table]
        query = _COUNTS.format(
            table=sql.SQL(table),
            partition=sql.Identifier(partition),
            offset=sql.Identifier(offset),
        )
        # width_bucket wants one threshold at least.
        firsts = [stretch.first for stretch in block] or [_HIGHEST]
        nexts = [stretch.next for stretch in block] or [_HIGHEST]
        words = {**self._words, "firsts": firsts, "nexts": nexts, "low": low, "high": high}
        inside = {}
        for bucket, within, every, first, last in self._connection.execute(query, words):
            inside[bucket] = within or 0
            if every > inside[bucket]:
                self._found.findings += holdings.outside(table, self._number, (first, last + 1), every - inside[bucket])
        return inside

    def _stored_again(self, stretch: Stretch) -> int:
        words = {**self._words, "first": stretch.first, "next": stretch.next}
        row = self._connection.execute(_STORED_AGAIN, words).fetchone()
        return int(row[0]) if row else 0


def _kept_from(connection: Connection, table: str) -> datetime | None:
    """The time before which rows are no longer kept, by the table that says so; None where none was ever removed."""
    row = connection.execute("select to_regclass(%s)", [table]).fetchone()
    if row is None or row[0] is None:
        return None
    kept = connection.execute(sql.SQL("select max(kept_from) from {}").format(sql.SQL(table))).fetchone()
    return kept[0] if kept else None
