"""What the stand-in operators leave alone, and what they refuse in the words of the real ones. The rest of their claims
is shown by `test_install.py`, which stands on what they make."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kind.cluster import Cluster
from processes import wait_until

STRIMZI, CNPG = "kafka.strimzi.io/v1", "postgresql.cnpg.io/v1"
SECONDS = 60

Make = Callable[..., None]


@pytest.fixture
def namespace(on_stand_in: Cluster) -> Iterator[str]:
    name = f"stand-in-{uuid.uuid4().hex[:8]}"
    on_stand_in.kubectl("create", "namespace", name)
    yield name
    on_stand_in.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def make(platform: Cluster, namespace: str, tmp_path: Path) -> Make:
    """Applies an object."""

    def made(version: str, kind: str, name: str, spec: dict[str, Any], cluster: str = "") -> None:
        labels = {"strimzi.io/cluster": cluster} if cluster else {}
        file = tmp_path / f"{kind}-{name}.json"
        metadata = {"name": name, "labels": labels}
        file.write_text(json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}))
        platform.kubectl("apply", "-n", namespace, "-f", file)

    return made


def told(cluster: Cluster, namespace: str, kind: str, name: str) -> dict[str, Any]:
    """The status of an object, once there is one."""

    def status() -> dict[str, Any]:
        found = json.loads(cluster.kubectl("get", kind, name, "-n", namespace, "-o", "json"))
        answer: dict[str, Any] = found.get("status") or {}
        return answer

    wait_until(lambda: bool(status()), f"{kind} {name} is answered", SECONDS)
    return status()


def kafka(make: Make, name: str, brokers: int, login: str) -> None:
    listener = {"name": "tls", "port": 9093, "type": "internal", "tls": True, "authentication": {"type": login}}
    storage = {"type": "ephemeral"}
    pool = {"replicas": brokers, "roles": ["controller", "broker"], "storage": storage}
    make(STRIMZI, "KafkaNodePool", name, pool, cluster=name)
    make(STRIMZI, "Kafka", name, {"kafka": {"listeners": [listener]}})


@pytest.mark.parametrize(
    ("brokers", "login", "says"),
    [(3, "scram-sha-512", "runs one broker"), (1, "tls", "scram-sha-512 or without login")],
    ids=["three brokers", "mutual TLS"],
)
def test_a_kafka_that_it_cannot_run_is_refused(
    platform: Cluster, namespace: str, make: Make, brokers: int, login: str, says: str
) -> None:
    kafka(make, "other", brokers, login)
    (condition,) = told(platform, namespace, "kafka", "other")["conditions"]
    assert (condition["type"], condition["status"]) == ("NotReady", "True")
    assert condition["reason"] == "InvalidResourceException"
    assert says in condition["message"]


def test_three_instances_of_postgres_are_refused(platform: Cluster, namespace: str, make: Make) -> None:
    make(CNPG, "Cluster", "other", {"instances": 3, "storage": {"size": "1Gi"}})
    assert told(platform, namespace, "clusters.postgresql.cnpg.io", "other")["phase"] == "Invalid cluster definition"


def test_a_topic_of_no_kafka_is_not_answered(platform: Cluster, namespace: str, make: Make) -> None:
    make(STRIMZI, "KafkaTopic", "unlabelled", {"partitions": 1})
    make(STRIMZI, "KafkaTopic", "elsewhere", {"partitions": 1}, cluster="no-such-kafka")
    kafka(make, "later", 3, "scram-sha-512")
    told(platform, namespace, "kafka", "later")
    make(CNPG, "Cluster", "last", {"instances": 3, "storage": {"size": "1Gi"}})
    told(platform, namespace, "clusters.postgresql.cnpg.io", "last")  # topics come before these in each look
    listed = platform.kubectl("get", "kafkatopics", "-n", namespace, "-o", "jsonpath={.items[*].status}")
    assert listed == ""
