"""The operator's look at lag, on a real broker: what it counts, and how soon it sees a change."""

from __future__ import annotations

import gc
import os
import signal
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient
from kit.lag import Clock, Kafka, kind, one, settled

from pulse_operator.lag import Answer, LagReader, Unknown, Wanted
from pulse_operator.lag.accesses import UNUSED_SECONDS, Accesses
from pulse_operator.lag.memory import POSITIONS_SECONDS
from pulse_operator.scaling import PartitionOffsets

pytestmark = pytest.mark.integration
MINUTE = POSITIONS_SECONDS + 1


def test_lag_is_what_the_group_has_not_committed(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 5)
    kafka.produce(1, 2)
    kafka.commit(0, 3)
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 5, 3), 1: PartitionOffsets(0, 2, None)}


def test_what_the_log_dropped_is_no_lag(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 5)
    kafka.commit(0, 1)
    kafka.drop_before(0, 4)
    answer = one(reader, kafka.access, kafka.wanted)
    assert not isinstance(answer, Unknown)
    assert answer[0] == PartitionOffsets(4, 5, 1)
    assert answer[0].lag == 1


def test_a_commit_is_seen_at_the_next_look(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 2)
    one(reader, kafka.access, kafka.wanted)
    kafka.commit(0, 2)
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 2, 2), 1: PartitionOffsets(0, 0, None)}


def test_a_record_for_a_group_at_rest_is_seen_at_the_next_look(reader: LagReader, kafka: Kafka) -> None:
    one(reader, kafka.access, kafka.wanted)
    kafka.produce(1, 1)
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 0), 1: PartitionOffsets(0, 1)}


def test_a_group_at_rest_is_asked_once_a_minute_so_a_reset_is_found(
    reader: LagReader, kafka: Kafka, clock: Clock
) -> None:
    kafka.produce(0, 3)
    kafka.commit(0, 3)
    at_rest = one(reader, kafka.access, kafka.wanted)
    kafka.commit(0, 0)
    assert one(reader, kafka.access, kafka.wanted) == at_rest, "a look at a group at rest asked for its commits"
    clock.now += MINUTE
    assert one(reader, kafka.access, kafka.wanted) == {0: PartitionOffsets(0, 3, 0), 1: PartitionOffsets(0, 0)}


def test_partitions_that_are_added_are_found_within_a_minute(reader: LagReader, kafka: Kafka, clock: Clock) -> None:
    one(reader, kafka.access, kafka.wanted)
    kafka.grow(3)
    kafka.produce(2, 1)
    clock.now += MINUTE
    answer = one(reader, kafka.access, kafka.wanted)
    assert not isinstance(answer, Unknown)
    assert answer[2] == PartitionOffsets(0, 1)


def test_partitions_that_are_added_are_found_as_soon_as_the_group_reads_them(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 1)
    one(reader, kafka.access, kafka.wanted)
    kafka.grow(3)
    kafka.produce(2, 2)
    kafka.commit(2, 1)
    one(reader, kafka.access, kafka.wanted)
    answer = one(reader, kafka.access, kafka.wanted)
    assert not isinstance(answer, Unknown)
    assert answer[2] == PartitionOffsets(0, 2, 1)


def test_a_topic_that_was_deleted_is_unknown_and_one_made_anew_is_read(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(1, 2)
    one(reader, kafka.access, kafka.wanted)
    kafka.delete()

    def read() -> Answer:
        return one(reader, kafka.access, kafka.wanted)

    assert kind(settled(read, lambda answer: isinstance(answer, Unknown))) == "NoTopic"
    kafka.create(1)
    assert settled(read, lambda answer: not isinstance(answer, Unknown)) == {0: PartitionOffsets(0, 0)}


def test_two_pipelines_of_one_topic_are_told_apart_by_group(reader: LagReader, kafka: Kafka) -> None:
    kafka.produce(0, 2)
    kafka.commit(0, 2)
    other = replace(kafka.wanted, group="another-consumer")
    answers = reader.read({"a": (kafka.access, kafka.wanted), "b": (kafka.access, other)})
    assert answers == {
        "a": {0: PartitionOffsets(0, 2, 2), 1: PartitionOffsets(0, 0)},
        "b": {0: PartitionOffsets(0, 2), 1: PartitionOffsets(0, 0)},
    }


def clients() -> int:
    """How many admin clients this process has."""
    return sum(isinstance(thing, AdminClient) for thing in gc.get_objects())


def test_clients_are_shared_and_closed_when_nobody_uses_them_any_more(kafka: Kafka) -> None:
    before, accesses = clients(), Accesses()
    # Without a topic no commits are asked for: that question is not safe in the process of the tests.
    two = {Wanted("nobody-made-this", "one-consumer"), Wanted("nobody-made-this", "another-consumer")}
    answers = accesses.read({kafka.access: two}, 0.0)[kafka.access]
    assert {kind(answer) for answer in answers.values()} == {"NoTopic"}
    accesses.read({kafka.access: two}, 10.0)
    assert clients() == before + 1
    accesses.read({}, 10.0 + UNUSED_SECONDS - 1)
    assert clients() == before + 1, "a client that may soon be used again was closed"
    accesses.read({}, 10.0 + UNUSED_SECONDS)
    assert clients() == before


def test_a_client_that_stays_mute_is_replaced(kafka: Kafka) -> None:
    """It may have lost its brokers for good."""
    before, accesses = clients(), Accesses()
    asked = {Wanted("nobody-made-this", "one-consumer")}
    os.kill(kafka.broker.process.pid, signal.SIGSTOP)
    try:
        (first,) = accesses.read({kafka.access: asked}, 0.0)[kafka.access].values()
        assert clients() == before + 1, "one silence may be the broker's"
        (second,) = accesses.read({kafka.access: asked}, 10.0)[kafka.access].values()
    finally:
        os.kill(kafka.broker.process.pid, signal.SIGCONT)
    assert kind(first) == "TimedOut"
    assert kind(second) in ("TimedOut", "Unreachable"), "the client may have tried to connect meanwhile"
    assert clients() == before
    last = settled(
        lambda: accesses.read({kafka.access: asked}, 20.0)[kafka.access].popitem()[1],
        lambda answer: kind(answer) == "NoTopic",
    )
    assert kind(last) == "NoTopic"
    assert clients() == before + 1
