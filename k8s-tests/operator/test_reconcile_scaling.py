"""Consumers follow the lag that a real broker tells, and the status says what was decided and why."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from world import PARTITIONS, Place, World

from pulse.adapters import kafka as kafka_adapter
from pulse.plan import plan
from pulse_local import ports

RECORDS = 2_000  # in each partition
LAG = RECORDS * PARTITIONS
COMMIT_SECONDS = 0.3  # between two commits; the autoscaler looks each second


def scaled(world: World, name: str, **scaling: Any) -> Place:
    """A pipeline with a backlog."""
    place = world.place(name)
    _produce(place)
    # No hurry, so that the lag alone decides.
    return place.apply(consumer={"scaling": {"targetDrainTime": "24h", **scaling}})


def _produce(place: Place) -> None:
    producer = Producer(kafka_adapter.producer_config(place.world.broker.settings))
    for number in range(LAG):
        producer.produce(plan(place.name).events.name, b"{}", partition=number % PARTITIONS)
    assert producer.flush(30) == 0


def _commit(admin: AdminClient, name: str, offset: int) -> None:
    """What consumers do that have read so far in every partition."""
    wanted = plan(name)
    offsets = [TopicPartition(wanted.events.name, number, offset) for number in range(PARTITIONS)]
    for future in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(wanted.group, offsets)]).values():
        future.result(30)


@contextmanager
def reading(world: World, names: Iterable[str]) -> Iterator[None]:
    """Slow consumers of these pipelines: partitions that nobody reads would be left out of what more pods could do."""
    stop = threading.Event()
    admin = kafka_adapter.admin(world.broker.settings)

    def work() -> None:
        for offset in range(1, RECORDS):
            for name in names:
                _commit(admin, name, offset)
            if stop.wait(COMMIT_SECONDS):
                return

    thread = threading.Thread(target=work, name="slow consumers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


WANTED: dict[str, dict[str, Any]] = {
    "auto": {"max": 6, "targetLagPerReplica": 5_000},
    "recommend": {"mode": "Recommend", "max": 6, "targetLagPerReplica": 5_000},
    "off": {"mode": "Off", "min": 2, "max": 6, "targetLagPerReplica": 5_000},
    "capped": {"max": 2, "targetLagPerReplica": 1_000},
    "partitioned": {"max": 6, "targetLagPerReplica": 100},
}


@pytest.fixture(scope="module")
def places(world: World) -> Iterator[dict[str, Place]]:
    """All of them at once, as each needs the autoscaler's quiet of its beginning."""
    made = {name: scaled(world, name, **scaling) for name, scaling in WANTED.items()}
    with reading(world, WANTED):
        yield made


def test_replicas_follow_the_lag_and_an_event_says_why(places: dict[str, Place]) -> None:
    place = places["auto"]
    place.until("three consumers are asked for", lambda: _replicas(place) == 3, "scaling")
    # In one step, or in two on a machine that was too busy to show the whole lag at first.
    told = place.until("an event tells", lambda: _told(place, "to 3 replicas"), "event")
    assert re.search(r"from [12] to 3 replicas\. LagAbove: [12] -> 3: lag 1", told), told
    place.until("they run", lambda: place.status()["replicas"].get("summary") == "3/3")
    place.until_condition("ScalingLimited", "False", "NotLimited")
    lag = place.until("the lag is told", lambda: place.status().get("lag"))
    assert LAG / 2 < lag["total"] <= LAG
    assert len(lag["partitions"]) == PARTITIONS


def _told(place: Place, words: str) -> str:
    return next((event["message"] for event in place.events("Scaled") if words in event["message"]), "")


def test_recommend_only_says_what_it_would_do(places: dict[str, Place]) -> None:
    place = places["recommend"]
    told = place.until("it recommends", lambda: _decided(place, "Recommended"), "scaling")
    assert "recommended 1 -> 3 (LagAbove)" in told["message"]
    assert _replicas(place) == 1
    assert not place.events("Scaled")


def test_off_runs_the_minimum(places: dict[str, Place]) -> None:
    place = places["off"]
    told = place.until("it says so", lambda: _decided(place, "Off"), "scaling")
    assert "scaling.min counts" in told["message"]
    place.until("two consumers run", lambda: place.status()["replicas"].get("summary") == "2/2")
    places["auto"].until("another was scaled meanwhile", lambda: _replicas(places["auto"]) == 3, "scaling")
    assert _replicas(place) == 2


@pytest.mark.parametrize(("name", "reason", "most"), [("capped", "Maximum", 2), ("partitioned", "PartitionCount", 6)])
def test_what_limits_the_replicas_is_told(places: dict[str, Place], name: str, reason: str, most: int) -> None:
    place = places[name]
    message = place.until_condition("ScalingLimited", "True", reason, "scaling")
    assert "lag" in message
    place.until("as many as may be are asked for", lambda: _replicas(place) == most, "scaling")
    place.until_ready()


def test_the_lag_counts_from_the_start_of_the_log_until_something_is_committed(world: World) -> None:
    place = scaled(world, "unread")
    message = place.until_condition("LagKnown", "True", "NothingCommitted", "ready")
    assert "0, 1, 2, 3, 4, 5" in message
    assert place.until("the lag is told", lambda: place.status().get("lag"))["total"] == LAG
    _commit(kafka_adapter.admin(world.broker.settings), "unread", RECORDS)
    place.until_condition("LagKnown", "True", "Known")
    place.until("no lag is left", lambda: (place.status().get("lag") or {}).get("total") == 0)


def test_an_unknown_lag_holds_the_replicas(world: World) -> None:
    place = world.place("deaf", brokers=f"127.0.0.1:{ports.free_port()}")
    place.apply(consumer={"scaling": {"min": 2}})
    message = place.until_condition("LagKnown", "Unknown", "QueryFailed", "ready")
    assert "cannot be reached" in message
    told = place.until("the decision says so", lambda: _decided(place, "LagUnknownHold"), "scaling")
    assert "nothing is changed" in told["message"]
    assert _replicas(place) == 2
    assert "lag" not in place.status()
    place.until_condition("Ready", "Unknown", "QueryFailed")


def _replicas(place: Place) -> int:
    return int(place.there(place.consumer)["spec"]["replicas"])


def _decided(place: Place, reason: str) -> dict[str, Any] | None:
    told: dict[str, Any] = place.status().get("replicas") or {}
    return told if told.get("reason") == reason else None
