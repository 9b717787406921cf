"""Who may write a partition: fencing, rebalances, and a graceful leave."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import NewPartitions
from kit.documents import numbered
from kit.pipeline import Pipeline
from kit.writing import batch, batch_of, taken, writer_of

from pulse.adapters import kafka
from pulse.errors import Fenced
from pulse_consumer.writer import Writer

pytestmark = pytest.mark.integration


@pytest.fixture
def writer(pipeline: Pipeline) -> Iterator[Writer]:
    made = writer_of(pipeline)
    yield made
    made.close()


def test_an_owner_writes_on_from_where_it_stands(pipeline: Pipeline, writer: Writer) -> None:
    mine = taken(pipeline)
    assert writer.write(batch(mine, 0, 10)).total().inserted == 10
    assert writer.write(batch(mine, 10, 5)).total().inserted == 5
    assert pipeline.stored_offsets() == {0: 15}


@pytest.mark.parametrize(
    ("start", "count"),
    [
        (0, 10),  # behind the new owner, and ending behind it
        (0, 50),  # starting behind and ending ahead: a rule that only forbids going back would let it pass
        (20, 10),  # exactly where the new owner stands: only the epoch tells
    ],
)
def test_a_former_owner_is_fenced_and_leaves_no_row(pipeline: Pipeline, writer: Writer, start: int, count: int) -> None:
    old = taken(pipeline)
    new = taken(pipeline)
    assert new.epoch > old.epoch
    writer.write(batch(new, 0, 20))
    before = pipeline.number("select count(*) from raw.events"), pipeline.sums()
    with pytest.raises(Fenced):
        writer.write(batch(old, start, count))
    assert (pipeline.number("select count(*) from raw.events"), pipeline.sums()) == before
    assert pipeline.stored_offsets() == {0: 20}


def test_the_same_batch_cannot_be_written_twice(pipeline: Pipeline, writer: Writer) -> None:
    mine = taken(pipeline)
    writer.write(batch(mine, 0, 10))
    with pytest.raises(Fenced):  # as after a commit whose answer was lost
        writer.write(batch(mine, 0, 10))


def test_the_same_id_with_other_content_is_kept_beside_the_first(pipeline: Pipeline, writer: Writer) -> None:
    one = numbered(2)[1]  # the second has an id of its own
    other = one.replace(b'"user-1"', b'"user-2"')
    total = writer.write(batch_of(taken(pipeline), 0, [one, other, one])).total()
    assert (total.inserted, total.duplicate, total.conflict) == (1, 1, 1)
    assert pipeline.rows("select user_id from raw.events") == [("user-1",)]
    assert pipeline.rows("select kafka_offset, event ->> 'user_id' from raw.event_conflicts") == [(1, "user-2")]


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_consumers_that_come_and_go_lose_and_double_nothing(pipeline: Pipeline, protocol: str) -> None:
    words = {"group_protocol": protocol, "batch_rows": 200}
    pipeline.produce(numbered(30_000))
    first = pipeline.start_consumer(**words)
    pipeline.wait_for(lambda: pipeline.sums()["read"] > 0, lambda: pipeline.sums())
    second = pipeline.start_consumer(**words)  # while the first is busy with a backlog
    pipeline.wait_for(lambda: '"change": "assigned"' in pipeline.log(second), lambda: "the second got none")
    pipeline.produce(numbered(6_000, first=30_000))
    assert pipeline.stop(first) == 0
    pipeline.produce(numbered(2_000, first=36_000))
    pipeline.wait_until_caught_up()
    assert pipeline.stop(second) == 0
    total = pipeline.sums()
    assert (total.pop("read"), total.pop("inserted")) == (38_000, 38_000)
    assert set(total.values()) == {0}
    assert pipeline.number("select count(*) from raw.events") == 38_000
    # What was in flight is finished before a partition goes: nobody is fenced by a rebalance.
    assert "session_ended" not in pipeline.log(first) + pipeline.log(second)
    holes = """
        select count(*) from (
            select first_offset, lag(next_offset, 1, 0) over (partition by partition_id order by first_offset) as before
            from raw.batches) as ranges
        where first_offset <> before
    """
    assert pipeline.number(holes) == 0


def test_an_owner_that_froze_and_wakes_up_writes_nothing_of_its_former_partitions(pipeline: Pipeline) -> None:
    pipeline.produce(numbered(1_000))
    frozen = pipeline.start_consumer(batch_rows=100)
    pipeline.wait_until_caught_up()
    frozen.send_signal(signal.SIGSTOP)
    other = pipeline.start_consumer(batch_rows=100)
    pipeline.produce(numbered(1_000, first=1_000))
    pipeline.wait_until_caught_up()
    frozen.send_signal(signal.SIGCONT)
    pipeline.produce(numbered(1_000, first=2_000))
    pipeline.wait_until_caught_up()
    assert pipeline.stop(other) == 0
    pipeline.produce(numbered(100, first=3_000))
    pipeline.wait_until_caught_up()
    assert pipeline.stop(frozen) == 0
    assert pipeline.sums()["inserted"] == 3_100
    assert pipeline.sums()["duplicate"] == 0


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_a_revoke_waits_for_the_batch_in_flight_only_so_long(pipeline: Pipeline, protocol: str) -> None:
    words = {"group_protocol": protocol, "batch_rows": 100, "shutdown_grace": timedelta(seconds=1)}
    pipeline.produce(numbered(300))
    with psycopg.connect(pipeline.database.dsn) as other:
        other.execute("lock table raw.batches in exclusive mode")
        first = pipeline.start_consumer(**words)
        pipeline.wait_for(lambda: "reading_paused" in pipeline.log(first), lambda: "it is not held up")
        second = pipeline.start_consumer(**words)
        some = re.compile(r'"change": "assigned", "partitions": \[\d')
        pipeline.wait_for(lambda: bool(some.search(pipeline.log(second))), lambda: "the second got none")
    assert "flush_gave_up" in pipeline.log(first)
    pipeline.wait_until_caught_up()
    total = pipeline.sums()
    assert (total.pop("read"), total.pop("inserted")) == (300, 300)
    assert set(total.values()) == {0}


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_partitions_that_a_topic_gets_are_read_from_their_beginning(pipeline: Pipeline, protocol: str) -> None:
    client = kafka.admin(pipeline.kafka)
    three = replace(pipeline.plan.events, name=f"{pipeline.plan.pipeline}-three", partitions=3)
    kafka.create_topics(client, [three])
    pipeline.plan = replace(pipeline.plan, events=three)
    pipeline.produce(numbered(300))
    consumer = pipeline.start_consumer(group_protocol=protocol)
    pipeline.wait_until_caught_up()
    client.create_partitions([NewPartitions(three.name, 6)])[three.name].result(kafka.ADMIN_TIMEOUT_SECONDS)
    pipeline.plan = replace(pipeline.plan, events=replace(three, partitions=6))
    for partition in range(6):
        pipeline.produce(numbered(10, first=300 + 10 * partition), partition=partition)
    pipeline.wait_until_caught_up()
    assert pipeline.sums()["inserted"] == 360
    assert pipeline.sums()["skipped"] == 0
    assert pipeline.number("select count(*) from raw.offset_moves where partition_id > 2 and next_offset = 0") == 3
    assert pipeline.stop(consumer) == 0


def test_a_consumer_that_is_told_to_stop_writes_what_it_read_and_tells_kafka(pipeline: Pipeline) -> None:
    consumer = pipeline.start_consumer()
    pipeline.wait_for(lambda: '"change": "assigned"' in pipeline.log(consumer), lambda: "nothing assigned")
    pipeline.produce(numbered(500))
    time.sleep(0.05)  # somewhere between reading and writing
    assert pipeline.stop(consumer) == 0
    group = kafka.admin(pipeline.kafka)
    committed = committed_offsets(group, pipeline)
    stored = pipeline.stored_offsets()
    assert {number: offset for number, offset in stored.items() if offset} == committed
    assert pipeline.sums()["read"] == sum(stored.values())


def committed_offsets(client: kafka.AdminClient, pipeline: Pipeline) -> dict[int, int]:
    """What the Kafka group committed."""
    asked = ConsumerGroupTopicPartitions(pipeline.plan.group)
    answer = client.list_consumer_group_offsets([asked])[pipeline.plan.group].result(timeout=20)
    return {place.partition: place.offset for place in answer.topic_partitions if place.offset > 0}
