"""From what was seen to the facts, to how many consumers there shall be, and which objects that takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kit.evidence import (
    CONSUMER,
    EXTERNAL,
    KAFKA,
    OURS,
    PASSWORD,
    SPEC,
    STEADY,
    looked,
    migration,
    pipeline,
    secret,
    there,
)

from pulse.facts import ROLES, USERS, Decision
from pulse_operator import objects, scaling
from pulse_operator.decide import scaling_policy, shall_be
from pulse_operator.deduce import kept_passwords, migratable, succeeded
from pulse_operator.dependencies import Missing
from pulse_operator.objects import Ref
from pulse_operator.wants import kafka_namespace, postgres_namespace, wants

NEAR: dict[str, Any] = {"source": {"strimzi": {"cluster": "events"}}, "sink": {"cloudNativePG": {"cluster": "main"}}}


def test_when_all_is_well_everything_is_known() -> None:
    facts = looked().facts
    assert set(facts.kafka) == set(USERS)
    assert set(facts.databases) == set(ROLES)
    assert (facts.listener_authentication, facts.listener_known) == ("tls", True)
    assert facts.optional_kinds == {"databaseroles"}


def test_what_one_user_lacks_is_no_loss_of_the_others() -> None:
    gone = Ref(objects.SECRET, "kafka", "shop-producer")
    assert set(looked(put={gone: Missing.OBJECT}).facts.kafka) == {"consumer", "lag"}
    assert set(looked(put={OURS.role_secrets["reader"]: Missing.OBJECT}).facts.databases) == set(ROLES) - {"reader"}


def test_a_listener_that_nobody_told_of_is_not_one_without_login() -> None:
    facts = looked(put={KAFKA: Missing.OBJECT}).facts
    assert (facts.listener_authentication, facts.listener_known, facts.kafka) == (None, False, {})
    assert looked(EXTERNAL).facts.listener_known


def test_passwords_that_were_made_are_kept() -> None:
    evidence = looked(put={OURS.role_secrets["owner"]: secret(OURS.role_secrets["owner"], password="")})
    assert kept_passwords(evidence.wants, evidence.seen) == {role: PASSWORD for role in ROLES if role != "owner"}


def test_a_job_came_to_its_good_end_only_if_it_says_so() -> None:
    job = migration()
    assert succeeded(looked().seen, job)
    assert not succeeded(looked(status={job: {"conditions": []}}).seen, job)
    assert not succeeded(looked(put={job: Missing.OBJECT}).seen, job)


NEW = {migration(): Missing.OBJECT}


@pytest.mark.parametrize("late", [OURS.database, *OURS.roles.values()], ids=str)
def test_a_migration_begins_once_the_database_and_every_role_are_there(late: Ref) -> None:
    assert migratable(OURS, looked(put=NEW).seen, migration())
    assert not migratable(OURS, looked(put={**NEW, late: Missing.OBJECT}).seen, migration())
    for told in ({"applied": False}, {"applied": None}, {"observedGeneration": 0}):
        assert not migratable(OURS, looked(put=NEW, status={late: told}).seen, migration())


def test_a_migration_that_was_begun_is_not_taken_back() -> None:
    assert OURS.database
    assert migratable(OURS, looked(status={OURS.database: {"applied": False}}).seen, migration())


def test_a_migration_waits_for_no_object_where_people_make_roles_or_the_whole_database() -> None:
    by_hand = {**NEW, **dict.fromkeys(OURS.roles.values(), Missing.KIND)}
    assert migratable(OURS, looked(put=by_hand).seen, migration())
    far = looked(EXTERNAL, put={migration(EXTERNAL): Missing.OBJECT})
    assert migratable(far.wants, far.seen, migration(EXTERNAL))


def running(replicas: int) -> dict[str, Any]:
    deployment = there(CONSUMER)
    return {**deployment, "spec": {**deployment["spec"], "replicas": replicas}}


def scaled(least: int, most: int, **parts: Any) -> Any:
    return pipeline({**SPEC, "consumer": {"scaling": {"min": least, "max": most}}, **parts})


@pytest.mark.parametrize(
    ("there_are", "least", "most", "shall"),
    [
        (None, 2, 4, 2),  # new: the minimum
        (None, 0, 4, 1),  # zero is an answer to a lag, and none is known
        (3, 2, 4, 3),  # what runs goes on running
        (1, 2, 4, 2),
        (6, 2, 4, 4),
        (0, 0, 4, 1),  # back from a suspension
    ],
)
def test_until_the_autoscaler_has_spoken(there_are: int | None, least: int, most: int, shall: int) -> None:
    consumer = None if there_are is None else running(there_are)
    assert shall_be(scaled(least, most), consumer, None) == Decision(shall)


def test_a_deployment_that_says_no_number_runs_one() -> None:
    deployment = there(CONSUMER)
    silent = {**deployment, "spec": {key: value for key, value in deployment["spec"].items() if key != "replicas"}}
    assert shall_be(scaled(1, 4), silent, None) == Decision(1)


def test_what_the_autoscaler_says_holds_be_it_zero() -> None:
    assert shall_be(scaled(0, 4), running(3), replace(STEADY, replicas=0)) == Decision(0)
    assert shall_be(scaled(1, 4), running(3), STEADY) == Decision(2)


def test_a_suspension_is_told_before_the_autoscaler() -> None:
    assert shall_be(scaled(1, 4, suspend=True), running(3), STEADY) == Decision(0, suspended=True)


def test_the_policy_is_the_specs() -> None:
    wanted = {
        "mode": "Recommend",
        "min": 2,
        "max": 5,
        "targetLagPerReplica": 7,
        "targetDrainTime": "2m30s",
        "scaleDownDelay": "30s",
    }
    assert scaling_policy(pipeline(consumer={"scaling": wanted}).spec) == scaling.Policy(
        partitions=6,
        mode=scaling.Mode.RECOMMEND,
        minimum=2,
        maximum=5,
        target_lag_per_replica=7,
        target_drain_seconds=150.0,
        scale_down_seconds=30.0,
    )
    assert scaling_policy(pipeline(EXTERNAL).spec).partitions == 1


def test_a_pipeline_stands_on_objects_where_its_spec_says() -> None:
    found = wants(pipeline())
    assert [str(ref) for ref in found.platform] == [
        *("Kafka kafka/events", "Secret kafka/events-cluster-ca-cert", "Cluster data/main", "Secret data/main-ca"),
    ]
    assert {name: str(ref) for name, ref in found.topics.items()} == {
        "events": "KafkaTopic kafka/shop-events",
        "dlq": "KafkaTopic kafka/shop-dlq",
    }
    assert [str(ref) for ref in found.users.values()] == [f"KafkaUser kafka/shop-{user}" for user in USERS]
    assert str(found.database) == "Database data/shop"
    assert [str(ref) for ref in found.roles.values()] == [f"DatabaseRole data/shop-{role}" for role in ROLES]
    assert [str(ref) for ref in found.role_secrets.values()] == [f"Secret data/shop-db-{role}" for role in ROLES]
    assert (str(found.consumer), str(found.transform)) == ("Deployment web/shop-consumer", "CronJob web/shop-transform")


def test_without_a_namespace_they_are_in_the_pipelines_own() -> None:
    near = pipeline(NEAR)
    assert (kafka_namespace(near), postgres_namespace(near)) == ("web", "web")
    found = wants(near)
    assert {ref.namespace for ref in (*found.platform, *found.topics.values(), *found.roles.values())} == {"web"}


def test_external_ends_are_secrets_in_the_pipelines_namespace() -> None:
    foreign = pipeline(EXTERNAL)
    found = wants(foreign)
    assert [str(ref) for ref in found.platform] == ["Secret web/msk", "Secret web/rds"]
    assert (found.topics, found.users, found.roles, found.role_secrets, found.database) == ({}, {}, {}, {}, None)
    assert (kafka_namespace(foreign), postgres_namespace(foreign)) == (None, None)


def test_brokers_that_ask_for_nothing_take_no_secret() -> None:
    source = {**EXTERNAL["source"]["external"], "auth": {"protocol": "PLAINTEXT"}}
    assert wants(pipeline({**EXTERNAL, "source": {"external": source}})).source_secret is None
