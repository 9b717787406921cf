"""Brokers and databases that no operator speaks for: what is told of them, and of the Secrets that people supply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from nodes import SUCCEEDED, failed
from supplied import external, keys, supply
from world import Place, World

from pulse.adapters import kafka as kafka_adapter
from pulse_local import ports


def configure(place: Place, topic: str, name: str, value: str) -> None:
    """Changes a setting of a topic on the broker."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = kafka_adapter.admin(place.world.broker.settings)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def creates_time(place: Place) -> None:
    configure(place, f"{place.name}-events", "message.timestamp.type", "CreateTime")


def small(place: Place) -> None:
    configure(place, f"{place.name}-dlq", "max.message.bytes", "1000")


def nothing(_: Place) -> None:
    """The topics are as Pulse wants them."""


SASL = {"auth": {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "secretRef": {"name": "login"}}}
SOURCES: list[tuple[str, Callable[[Place], None], dict[str, Any], str, str, str, str]] = [
    ("x-good", nothing, {}, "KafkaReady", "True", "Reachable", "answer"),
    ("x-topics", nothing, {}, "TopicsReady", "True", "Ready", "x-topics-dlq"),
    ("x-clock", creates_time, {}, "TopicsReady", "True", "ClockUntrusted", "CreateTime"),
    ("x-small", small, {}, "TopicsReady", "False", "MessageSizeTooSmall", "x-small-dlq"),
    ("x-no-topic", nothing, {"dlqTopic": "nowhere"}, "TopicsReady", "False", "TopicMissing", "nowhere"),
    ("x-no-secret", nothing, SASL, "CredentialsReady", "False", "SecretMissing", "login does not exist"),
]


@pytest.mark.parametrize(
    ("name", "prepare", "source", "condition", "status", "reason", "says"), SOURCES, ids=[row[0] for row in SOURCES]
)
def test_what_is_outside_is_told_by_its_answers(
    world: World,
    name: str,
    prepare: Callable[[Place], None],
    source: dict[str, Any],
    condition: str,
    status: str,
    reason: str,
    says: str,
) -> None:
    place = world.place(name)
    prepare(place)
    supply(place)
    place.apply(external(place, **source))
    assert says in place.until_condition(condition, status, reason)


def test_brokers_that_nobody_reaches_are_told(world: World) -> None:
    place = world.place("x-unreached")
    supply(place)
    address = f"127.0.0.1:{ports.free_port()}"
    place.apply(external(place, bootstrapServers=address))
    assert address in place.until_condition("KafkaReady", "False", "Unreachable")


def test_a_pipeline_of_what_is_all_outside_gets_ready_and_makes_nothing_outside(world: World) -> None:
    place = world.place("x-ready")
    supply(place)
    place.apply(external(place)).until_ready()
    place.until_condition("DatabaseReady", "True", "External")
    assert not [name for name in place.children() if name.startswith(("Kafka", "Database"))]


def test_a_migration_that_does_not_reach_its_database_says_where_it_is_told_to_go(world: World) -> None:
    place = world.place("x-address")
    world.nodes.decide("x-address", "migrate", failed(1, "No answer from db.example.org."))
    supply(place)
    place.apply(external(place))

    def told() -> str:
        found = place.condition("SchemaMigrated")
        return str(found.get("message")) if "failed 1 time" in str(found.get("message")) else ""

    message = place.until("the try that failed is told", told, "condition")
    assert (place.condition("SchemaMigrated")["reason"], place.condition("Ready")["status"]) == ("Migrating", "Unknown")
    assert "code 1: No answer from db.example.org. It is tried again by itself." in message
    assert f"key owner-dsn of Secret {place.namespace}/database, which leads to db.example.org/shop" in message
    world.nodes.decide("x-address", "migrate", SUCCEEDED)
    place.until_condition("SchemaMigrated", "True", "Migrated")


def test_a_secret_of_a_person_that_lacks_a_key_is_told_until_it_has_it(world: World) -> None:
    place = world.place("x-secret")
    place.apply(external(place))
    assert "database does not exist" in place.until_condition("CredentialsReady", "False", "SecretMissing")
    supply(place, values={name: value for name, value in keys().items() if name != "ingest-dsn"})
    assert "ingest-dsn" in place.until_condition("CredentialsReady", "False", "SecretKeyMissing")
    supply(place)
    place.until_ready()


def test_keys_of_a_login_that_lack_are_told(world: World) -> None:
    place = world.place("x-login")
    supply(place)
    supply(place, "login", {"username": "pulse"})
    place.apply(external(place, **SASL))
    assert "key password" in place.until_condition("CredentialsReady", "False", "SecretKeyMissing")
