"""The old part of raw.batches has fewer rows after `pulse maintain`, and says the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from kit.documents import numbered
from kit.keeping import DAY, NOW, TOPIC, run
from kit.pipeline import Pipeline

from pulse.settings import DatabaseSettings
from pulse_consumer.findings import as_json
from pulse_consumer.migrate import migrate
from pulse_consumer.moving import plan_reset, plan_rewind_to_offsets
from pulse_consumer.verify import verified

pytestmark = pytest.mark.integration

# A quarter of an hour of long ago begins here.
OLD = (NOW - 30 * DAY).replace(minute=15, second=0, microsecond=0)

_BATCH = """
insert into raw.batches (consumer_group, topic_id, partition_id, epoch, first_offset, next_offset,
    read, inserted, duplicate, conflict, dead, skipped, committed_at)
values (%(group)s, %(topic_id)s, %(partition)s, %(epoch)s, %(first)s, %(next)s,
    10, 4, 3, 2, 1, %(next)s - %(first)s - 10, %(at)s)
"""


@pytest.fixture
def migrated(database: DatabaseSettings) -> DatabaseSettings:
    migrate(database.dsn, "shop")
    return database


def batch(database: DatabaseSettings, first: int, following: int, at: datetime = OLD, **changes: Any) -> None:
    """A row of the ledger."""
    words = {"group": "g", "topic_id": TOPIC, "partition": 0, "epoch": 1, "first": first, "next": following, "at": at}
    with psycopg.connect(database.dsn) as connection:
        connection.execute(_BATCH, {**words, **changes})


def rows(database: DatabaseSettings) -> list[tuple[Any, ...]]:
    query = "select batch_id, epoch, first_offset, next_offset, read, inserted, duplicate, conflict, dead, skipped, "
    with psycopg.connect(database.dsn) as connection:
        return connection.execute((query + "committed_at from raw.batches order by batch_id").encode()).fetchall()


def test_rows_of_a_quarter_of_an_hour_that_chain_become_one(migrated: DatabaseSettings) -> None:
    last = OLD + timedelta(minutes=14, seconds=59)
    batch(migrated, 0, 10)
    batch(migrated, 10, 25, OLD + timedelta(minutes=7), epoch=2)
    batch(migrated, 25, 35, last, epoch=2)
    assert run(migrated).compacted == 2
    assert rows(migrated) == [(1, 2, 0, 35, 30, 12, 9, 6, 3, 5, last)]
    assert run(migrated).compacted == 0


@pytest.mark.parametrize(
    "second",
    [
        {"at": OLD + timedelta(minutes=15)},
        {"first": 11, "following": 21},
        {"first": 9, "following": 19},
        {"group": "other"},
        {"partition": 1},
        {"topic_id": "00000000-0000-0000-0000-000000000008"},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_rows_that_do_not_belong_together_stay_apart(migrated: DatabaseSettings, second: dict[str, Any]) -> None:
    batch(migrated, 0, 10)
    batch(migrated, **{"first": 10, "following": 20, **second})
    before = rows(migrated)
    assert run(migrated).compacted == 0
    assert rows(migrated) == before


def test_young_rows_stay_as_they_are(migrated: DatabaseSettings) -> None:
    batch(migrated, 0, 10, NOW - 6 * DAY)
    batch(migrated, 10, 20, NOW - 6 * DAY)
    assert run(migrated).compacted == 0


@pytest.mark.parametrize("old_topic", [TOPIC, None])
def test_rows_on_both_sides_of_a_move_stay_apart(migrated: DatabaseSettings, old_topic: object) -> None:
    batch(migrated, 0, 10)
    batch(migrated, 10, 20, epoch=3)
    with psycopg.connect(migrated.dsn) as connection:
        connection.execute(
            "insert into raw.offset_moves (command, consumer_group, topic, topic_id, partition_id, old_topic_id, "
            "old_next_offset, old_epoch, next_offset, epoch) values ('rewind-to', 'g', 't', %s, 0, %s, %s, %s, 10, 2)",
            (TOPIC, old_topic, 10 if old_topic else None, 1 if old_topic else None),
        )
    assert run(migrated).compacted == 0


def test_rows_on_both_sides_of_what_the_transformation_has_read_stay_apart(migrated: DatabaseSettings) -> None:
    for first in range(0, 40, 10):
        batch(migrated, first, first + 10)
    with psycopg.connect(migrated.dsn) as connection:
        connection.execute("insert into ops.dbt_offsets values (%s, 0, 20)", (TOPIC,))
    assert run(migrated).compacted == 2
    assert [(first, following) for _, _, first, following, *_ in rows(migrated)] == [(0, 20), (20, 40)]


def test_a_history_of_passes_says_the_same_afterwards(pipeline: Pipeline) -> None:
    def read(batch_rows: int) -> None:
        consumer = pipeline.start_consumer(batch_rows=batch_rows, breaker_ratio=1.0)
        pipeline.wait_until_caught_up()
        assert pipeline.stop(consumer) == 0

    pipeline.send({"value": value, "partition": number % 3} for number, value in enumerate(numbered(3_000)))
    read(70)
    pipeline.produce([b"bad", *numbered(1), b"worse"], partition=1)
    plan_reset(pipeline.offsets_settings()).apply()
    read(90)
    plan_rewind_to_offsets(pipeline.offsets_settings(), {0: 500}).apply()
    read(110)
    for table, column in (("batches", "committed_at"), ("events", "ingested_at")):
        pipeline.execute(f"update raw.{table} set {column} = {column} - interval '8 days'")

    def said() -> list[Any]:
        quarters = (
            "select date_bin('15 minutes', committed_at, 'epoch'), partition_id, sum(read), sum(inserted), "
            "sum(duplicate), sum(conflict), sum(dead), sum(skipped), max(next_offset) from raw.batches group by 1, 2 "
            "order by 1, 2"
        )
        accounts = as_json(verified(pipeline.ingest.dsn, lambda _place: None))
        for part in accounts["partitions"]:
            for total in part["totals"]:
                del total["ranges"]  # how many rows there are is what changes
        return [pipeline.rows(quarters), accounts]

    before = said()
    assert before[1]["adds_up"]
    was = pipeline.number("select count(*) from raw.batches")
    assert run(pipeline.database).compacted > 20
    assert pipeline.number("select count(*) from raw.batches") < was / 3
    assert said() == before
