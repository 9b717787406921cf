"""A cluster that lacks kinds when the operator starts and gets them later, and a stored spec that it cannot read.

The API server is one of its own without controllers. What is told before each step of an installation is noted once.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apiserver
import definitions
import pytest
from accounts import new_namespace
from programs import program
from world import CLUSTER, KAFKA, Place, Raw, World, running_world

from pulse_local import ports
from pulse_local.paths import Paths
from pulse_local.services.kafka import Broker
from pulse_operator import objects
from pulse_operator.conditions import ORDER

OWN = {"PulsePipeline"}
# CloudNativePG before 1.30; Strimzi and Prometheus' operator come later still.
OLD = {"Cluster", "Database"}


@dataclass(frozen=True)
class Late:
    """Both pipelines, and what the conditions of the first said while there was no platform, and with an old one."""

    place: Place
    newer: Place
    bare: dict[str, Raw]
    before: dict[str, Raw]


def _of(kinds: set[str]) -> list[dict[str, Any]]:
    return [copy.deepcopy(one) for one in definitions.wanted() if one["spec"]["names"]["kind"] in kinds]


def _own() -> list[dict[str, Any]]:
    """Pulse's definition with a field of a later version."""
    (one,) = _of(OWN)
    schema = one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["mirrors"] = {"type": "integer"}
    return [one]


def _later() -> list[dict[str, Any]]:
    return [one for one in definitions.wanted() if one["spec"]["names"]["kind"] not in OWN | OLD]


@pytest.fixture(scope="module")
def bare(server_paths: Paths, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cache = server_paths.cache
    taken: set[int] = set()
    for _ in range(3):
        taken.add(ports.free_port(0, taken))
    client, peer, api = taken
    with tempfile.TemporaryDirectory() as home:
        programs = program("etcd", cache), program("kube-apiserver", cache)
        with apiserver.running(*programs, Path(home), (client, peer, api)) as server:
            definitions.install(server, _own())
            with running_world(server, broker, tmp_path_factory.mktemp("bare")) as world:
                yield world


@pytest.fixture(scope="module")
def late(bare: World) -> Late:
    """The kinds are there now."""
    place = Place(bare, new_namespace(bare.server), "early")
    newer = Place(bare, new_namespace(bare.server), "newer")
    for one in (place, newer):
        one.create_topics()
        bare.places.append(one)
    newer.apply(mirrors=2)
    place.apply()
    place.until_condition("DatabaseReady", "False", "CRDMissing")
    nothing = _told(place)
    newer.until_condition("Ready", "False", "InvalidSpec")
    definitions.install(bare.server, _of(OLD))
    bare.stand_in.cluster(place.namespace, CLUSTER)
    place.until_condition("DatabaseReady", "True", "Ready", "retry")
    place.until_condition("CredentialsReady", "Unknown", "RolesByHand", "retry")
    before = _told(place)
    definitions.install(bare.server, _later())
    bare.stand_in.kafka(place.namespace, KAFKA, bare.broker.bootstrap_servers)
    return Late(place, newer, nothing, before)


def _told(place: Place) -> dict[str, Raw]:
    place.until("every condition is told", lambda: len(place.status()["conditions"]) == len(ORDER))
    return {name: place.condition(name) for name in ORDER}


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("KafkaReady", "Kafka in kafka.strimzi.io/v1. Install Strimzi"),
        ("TopicsReady", "KafkaTopic in kafka.strimzi.io/v1. Install Strimzi"),
        ("CredentialsReady", "DatabaseRole in postgresql.cnpg.io/v1. Install CloudNativePG 1.30 or newer"),
        ("DatabaseReady", "Database in postgresql.cnpg.io/v1. Install CloudNativePG 1.30 or newer"),
    ],
)
def test_without_any_platform_each_condition_says_what_to_install(late: Late, condition: str, names: str) -> None:
    told = late.bare[condition]
    assert (told["status"], told["reason"]) == ("False", "CRDMissing")
    assert f"does not serve {names}" in told["message"]
    assert "looked for again" in told["message"]
    assert "404" not in told["message"]


@pytest.mark.parametrize(
    ("condition", "status", "reason", "says"),
    [
        ("KafkaReady", "False", "CRDMissing", "Install Strimzi 1.0 or newer"),
        ("TopicsReady", "False", "CRDMissing", "KafkaTopic"),
        ("CredentialsReady", "Unknown", "RolesByHand", "does not serve DatabaseRole"),
        ("DatabaseReady", "True", "Ready", ""),
        ("ConsumerAvailable", "False", "Blocked", "KafkaReady (CRDMissing)"),
        ("Ready", "False", "CRDMissing", "KafkaReady: Kafka"),
    ],
)
def test_a_kind_that_is_not_served_is_told(late: Late, condition: str, status: str, reason: str, says: str) -> None:
    told = late.before[condition]
    assert (told["status"], told["reason"]) == (status, reason)
    assert says in told["message"]


@pytest.mark.parametrize("condition", ["KafkaReady", "TopicsReady", "CredentialsReady"])
def test_the_pipeline_goes_on_by_itself_once_the_kind_is_there(late: Late, condition: str) -> None:
    late.place.until_condition(condition, "True", "Ready", "retry")


def test_the_pod_monitor_comes_with_its_kind(late: Late) -> None:
    ref = late.place.ref(objects.POD_MONITOR, "consumer")
    late.place.until(f"{ref} is made", lambda: late.place.read(ref), "retry")


def test_the_roles_come_with_their_kind(late: Late) -> None:
    ref = late.place.ref(objects.DATABASE_ROLE, "ingest")
    late.place.until(f"{ref} is made", lambda: late.place.read(ref), "retry")


def test_a_stored_spec_of_another_version_is_told_and_stops_nobody(late: Late) -> None:
    message = late.newer.condition("Ready")["message"]
    assert "mirrors" in message
    assert late.newer.status()["phase"] == "Pending"
    assert not late.newer.children(), "nothing is made of what is not understood"
    late.place.until_condition("KafkaReady", "True", "Ready", "retry")
    late.newer.change(late.newer.pipeline, {"spec": {"mirrors": None}})
    late.newer.until_condition("KafkaReady", "False", "NotFound", "retry")
