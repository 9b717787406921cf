"""The rights that the operator asks Strimzi for, on a broker that allows nothing else: enough for the work, no more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from kit import golden
from kit.deadletters import UNTYPED, dlq
from kit.documents import numbered
from kit.pipeline import Pipeline, logged_in
from kit.secured import SETTLE_SECONDS, SecuredBroker

from pulse.adapters import kafka as kafka_adapter
from pulse.facts import USERS, Decision, Facts, Images, User
from pulse.names import database_roles
from pulse.plan import Topic, plan
from pulse.settings import DatabaseSettings, KafkaSettings, LogSettings, SimulatorSettings
from pulse.spec import PipelineSpec
from pulse_consumer.migrate import migrate
from pulse_local.processes import wait_until
from pulse_operator.lag import LagReader, Unknown, Wanted
from pulse_operator.objects import Identity, Manifest
from pulse_operator.render import render

pytestmark = pytest.mark.integration

SPEC = msgspec.convert(
    {"source": {"strimzi": {"cluster": "kafka", "replicas": 1}}, "sink": {"cloudNativePG": {"cluster": "postgres"}}},
    PipelineSpec,
)
OPERATIONS = {"DescribeConfigs": AclOperation.DESCRIBE_CONFIGS} | {
    name: AclOperation[name.upper()] for name in ("Describe", "Read", "Write")
}


@dataclass(frozen=True)
class Kept:
    """A pipeline whose topics and users are as the operator renders them. `open` may do everything, the users not."""

    open: Pipeline
    broker: SecuredBroker
    certificate: Path

    def as_user(self, user: User) -> KafkaSettings:
        access = self.broker.scram(self._name(user), f"password of {user}")
        return KafkaSettings(
            bootstrap_servers=access.bootstrap_servers,
            security_protocol=access.protocol,
            sasl_mechanism=access.mechanism,
            sasl_username=access.username,
            sasl_password=access.password,
            ssl_ca=str(self.certificate),
        )

    def _name(self, user: User) -> str:
        return f"{self.open.plan.pipeline}-{user}"

    @property
    def consumer(self) -> Pipeline:
        return replace(self.open, kafka=self.as_user("consumer"))


def manifests(name: str) -> tuple[Manifest, ...]:
    facts = Facts(Images(**golden.IMAGES), listener_known=True, listener_authentication="scram-sha-512")
    return render(Identity("web", name, "uid"), SPEC, facts, Decision(1)).manifests


def as_strimzi_does(broker: SecuredBroker, name: str) -> None:
    """What Strimzi's topic and user operators make of the manifests; returns when it is in force."""
    made, admin = manifests(name), broker.admin
    topics = [
        Topic(one["metadata"]["name"], one["spec"]["partitions"], one["spec"]["replicas"], one["spec"]["config"])
        for one in made
        if one["kind"] == "KafkaTopic"
    ]
    kafka_adapter.create_topics(admin, topics)
    wanted = []
    for one in made:
        if one["kind"] == "KafkaUser":
            user = one["metadata"]["name"]
            broker.add_user(user, f"password of {user.removeprefix(f'{name}-')}")
            wanted += rules(user, one["spec"]["authorization"]["acls"])
    for future in admin.create_acls(wanted).values():
        future.result(SETTLE_SECONDS)
    everything = AclBindingFilter(
        *(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
    )
    assert wait_until(lambda: {*wanted} <= {*admin.describe_acls(everything).result(SETTLE_SECONDS)}, SETTLE_SECONDS), (
        "the broker does not learn of the rights"
    )


def rules(user: str, acls: list[Manifest]) -> list[AclBinding]:
    return [
        AclBinding(
            {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}[rule["resource"]["type"]],
            rule["resource"]["name"],
            ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            OPERATIONS[operation],
            AclPermissionType.ALLOW,
        )
        for rule in acls
        for operation in rule["operations"]
    ]


@pytest.fixture
def kept(secured_broker: SecuredBroker, database: DatabaseSettings, tmp_path: Path) -> Iterator[Kept]:
    wanted = plan(f"t{uuid.uuid4().hex[:12]}")
    migrate(database.dsn, wanted.pipeline)
    as_strimzi_does(secured_broker, wanted.pipeline)
    certificate = tmp_path / "ca.crt"
    certificate.write_text(secured_broker.authority.certificate)
    roles = database_roles()
    ingest, transform = logged_in(database, roles.ingest), logged_in(database, roles.transform)
    made = Pipeline(secured_broker.broker.settings, database, ingest, transform, wanted, tmp_path)
    yield Kept(made, secured_broker, certificate)
    made.close()


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_the_consumer_can_do_all_of_its_work(kept: Kept, protocol: str) -> None:
    kept.open.produce([*numbered(100), b"no event"])
    consumer = kept.consumer.start_consumer(group_protocol=protocol)
    kept.open.wait_until_caught_up()
    assert kept.open.stop(consumer) == 0
    assert (kept.open.sums()["inserted"], kept.open.sums()["dead"]) == (100, 1)
    assert dead_letters(kept) == 1
    assert "kafka_commit_skipped" not in kept.open.log(consumer)


def test_dead_letters_can_be_sent_again_as_the_consumer_s_users(kept: Kept) -> None:
    kept.open.produce([UNTYPED])
    consumer = kept.consumer.start_consumer()
    kept.open.wait_until_caught_up()
    done = dlq(kept.consumer, "replay", "--all", "--set", "event_type=page_view", "--yes")
    assert done.returncode == 0, done.stderr
    kept.open.wait_until_caught_up()
    assert kept.open.stop(consumer) == 0
    assert kept.open.sums()["inserted"] == 1


def test_the_simulator_can_do_all_of_its_work(kept: Kept) -> None:
    settings = SimulatorSettings(
        kept.as_user("producer"), LogSettings("info", "json"), kept.open.plan.events.name, rate=500.0, events=200
    )
    simulator = kept.open.start(["-m", "pulse_simulator"], settings.to_env())
    code, said = kept.open.end_of(simulator)
    assert code == 0, said
    assert sum(kept.open.end_offsets().values()) >= 200


def test_lag_can_be_read(kept: Kept) -> None:
    kept.open.produce(numbered(50))
    access = kept.broker.scram(f"{kept.open.plan.pipeline}-lag", "password of lag")
    reader = LagReader()
    wanted = Wanted(kept.open.plan.events.name, kept.open.plan.group)
    try:
        answer = reader.read({"it": (access, wanted)})["it"]
    finally:
        reader.close()
    assert not isinstance(answer, Unknown), answer
    assert sum(partition.end for partition in answer.values()) == 50


def test_nobody_can_do_more_than_that(kept: Kept) -> None:
    """The broker's own word on what each user may do; "denied" is a topic that the user cannot even see."""
    events, dlq, group = kept.open.plan.events.name, kept.open.plan.dlq.name, kept.open.plan.group
    assert wait_until(lambda: groups_are_served(kept), SETTLE_SECONDS), "the broker does not serve groups"
    found = {user: (on_topic(kept, user, events), on_topic(kept, user, dlq), on_group(kept, user)) for user in USERS}
    assert {user: on for user, (on, _, _) in found.items()} == {
        "consumer": {"DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"},
        "producer": {"DESCRIBE", "WRITE"},
        "lag": {"DESCRIBE"},
    }, events
    assert {user: on for user, (_, on, _) in found.items()} == {
        "consumer": {"DESCRIBE", "DESCRIBE_CONFIGS", "WRITE"},
        "producer": {"denied"},
        "lag": {"denied"},
    }, dlq
    assert {user: on for user, (_, _, on) in found.items()} == {
        "consumer": {"DESCRIBE", "READ"},
        "producer": {"denied"},
        "lag": {"DESCRIBE"},
    }, group


def on_topic(kept: Kept, user: User, topic: str) -> set[str]:
    client = kafka_adapter.admin(kept.as_user(user))
    asked = client.describe_topics(TopicCollection([topic]), include_authorized_operations=True)
    return allowed(asked[topic])


def groups_are_served(kept: Kept) -> bool:
    """A new broker makes its topic of groups when the first one is asked for, and turns questions down till then."""
    try:
        client = kept.broker.admin
        client.describe_consumer_groups([kept.open.plan.group])[kept.open.plan.group].result(SETTLE_SECONDS)
    except KafkaException as failed:
        return bool(failed.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND)
    return True


def on_group(kept: Kept, user: User) -> set[str]:
    client = kafka_adapter.admin(kept.as_user(user))
    group = kept.open.plan.group
    return allowed(client.describe_consumer_groups([group], include_authorized_operations=True)[group])


def allowed(answer: Future[Any]) -> set[str]:
    try:
        return {operation.name for operation in answer.result(SETTLE_SECONDS).authorized_operations}
    except KafkaException as refused:
        denials = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
        assert refused.args[0].code() in denials, refused
        return {"denied"}


def dead_letters(kept: Kept) -> int:
    client = Consumer(kafka_adapter.client_config(kept.open.kafka, group_id="count"))
    try:
        _, high = client.get_watermark_offsets(TopicPartition(kept.open.plan.dlq.name, 0), timeout=SETTLE_SECONDS)
        return int(high)
    finally:
        client.close()
