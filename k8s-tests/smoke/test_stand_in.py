"""What the stand-in operators leave alone, and what they refuse in the words of the real ones. The rest of their claims
is shown by `test_install.py`, which stands on what they make, and by the tests in which something is killed."""

from __future__ import annotations

from typing import Any

import pytest
from smoke.place import CLUSTERS, CNPG, STRIMZI, Place


def kafka(place: Place, name: str, brokers: int, login: str) -> None:
    listener = {"name": "tls", "port": 9093, "type": "internal", "tls": True, "authentication": {"type": login}}
    pool = {"replicas": brokers, "roles": ["controller", "broker"], "storage": {"type": "ephemeral"}}
    place.make(STRIMZI, "KafkaNodePool", name, pool, kafka=name)
    place.make(STRIMZI, "Kafka", name, {"kafka": {"listeners": [listener]}})


@pytest.mark.parametrize(
    ("brokers", "login", "says"),
    [(3, "scram-sha-512", "runs one broker"), (1, "tls", "scram-sha-512 or without login")],
    ids=["three brokers", "mutual TLS"],
)
def test_a_kafka_that_it_cannot_run_is_refused(place: Place, brokers: int, login: str, says: str) -> None:
    kafka(place, "other", brokers, login)
    (condition,) = place.told("kafka", "other")["conditions"]
    assert (condition["type"], condition["status"]) == ("NotReady", "True")
    assert condition["reason"] == "InvalidResourceException"
    assert says in condition["message"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"instances": 4}, "at most 3 instances"),
        (
            {"instances": 2, "postgresql": {"synchronous": {"method": "any", "number": 2}}},
            "more replicas than there are",
        ),
        (
            {
                "instances": 2,
                "postgresql": {"synchronous": {"method": "any", "number": 1, "dataDurability": "preferred"}},
            },
            "dataDurability required",
        ),
    ],
    ids=["four instances", "too few replicas", "commits that need no replica"],
)
def test_a_postgres_that_it_cannot_run_is_refused(place: Place, asked: dict[str, Any], says: str) -> None:
    place.make(CNPG, "Cluster", "other", {"storage": {"size": "1Gi"}, **asked})
    told = place.told(CLUSTERS, "other")
    assert told["phase"] == "Invalid cluster definition"
    assert says in told["phaseReason"]


def test_a_topic_of_no_kafka_is_not_answered(place: Place) -> None:
    place.make(STRIMZI, "KafkaTopic", "unlabelled", {"partitions": 1})
    place.make(STRIMZI, "KafkaTopic", "elsewhere", {"partitions": 1}, kafka="no-such-kafka")
    for later in ("first", "second"):  # every look goes from Kafkas to topics, so one has ended when the second is told
        kafka(place, later, 3, "scram-sha-512")
        place.told("kafka", later)
    assert place.kubectl("get", "kafkatopics", "-o", "jsonpath={.items[*].status}") == ""
