"""How the rendering answers to a change of what goes in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from kit import golden
from kit.golden import Golden, kinds

from pulse.facts import Images
from pulse.spec import PipelineSpec
from pulse_operator import objects
from pulse_operator.objects import Manifest, Ref
from pulse_operator.render import Rendered, migration_job

SCRAM = golden.case("scram")


def only(rendered: Rendered, kind: str, name: str) -> Manifest:
    (found,) = [made for made in rendered.manifests if (made["kind"], made["metadata"]["name"]) == (kind, name)]
    return found


def job_of(rendered: Rendered) -> Manifest:
    (found,) = [made for made in rendered.manifests if made["kind"] == "Job"]
    return found


def with_facts(case: Golden, **facts: Any) -> Rendered:
    return replace(case, facts=replace(case.facts, **facts)).rendered


def with_spec(case: Golden, **parts: Any) -> Rendered:
    spec = msgspec.convert({**case.pipeline["spec"], **parts}, PipelineSpec)
    return replace(case, spec=spec).rendered


# --- Kafka


def acls(user: str) -> dict[tuple[str, str], set[str]]:
    spec = only(SCRAM.rendered, "KafkaUser", f"shop-{user}")["spec"]
    return {
        (rule["resource"]["type"], rule["resource"]["name"]): set(rule["operations"])
        for rule in spec["authorization"]["acls"]
    }


def test_each_user_has_the_rights_of_its_work_and_no_other() -> None:
    assert acls("consumer") == {
        ("topic", "shop-events"): {"Describe", "DescribeConfigs", "Read", "Write"},
        ("topic", "shop-dlq"): {"Describe", "DescribeConfigs", "Write"},
        ("group", "shop-consumer"): {"Describe", "Read"},
    }
    assert acls("producer") == {("topic", "shop-events"): {"Describe", "Write"}}
    assert acls("lag") == {("topic", "shop-events"): {"Describe"}, ("group", "shop-consumer"): {"Describe"}}


@pytest.mark.parametrize("kind", ["tls", "scram-sha-512"])
def test_users_log_in_as_the_listener_asks(kind: str) -> None:
    rendered = with_facts(SCRAM, listener_authentication=kind)
    assert only(rendered, "KafkaUser", "shop-lag")["spec"]["authentication"] == {"type": kind}


@pytest.mark.parametrize("facts", [{"listener_known": False}, {"listener_authentication": "custom"}])
def test_users_are_withheld_while_nobody_knows_how_they_log_in(facts: dict[str, Any]) -> None:
    rendered = with_facts(SCRAM, **facts)
    assert "KafkaUser" not in kinds(rendered)
    users = {Ref(objects.KAFKA_USER, "scram", f"shop-{user}") for user in ("consumer", "producer", "lag")}
    assert users <= rendered.withheld


def test_a_listener_that_lets_anybody_in_has_no_users() -> None:
    rendered = with_facts(SCRAM, listener_authentication=None)
    assert "KafkaUser" not in kinds(rendered)
    assert rendered.withheld == frozenset()


def test_events_carry_the_brokers_clock() -> None:
    topic = only(SCRAM.rendered, "KafkaTopic", "shop-events")["spec"]
    assert topic["config"]["message.timestamp.type"] == "LogAppendTime"
    assert (topic["config"]["retention.ms"], topic["partitions"]) == (str(7 * 86_400_000), 6)
    assert "replicas" not in topic


# --- the database


def test_only_the_owner_is_a_member_of_another_role() -> None:
    roles = {made["spec"]["name"]: made["spec"] for made in SCRAM.rendered.manifests if made["kind"] == "DatabaseRole"}
    assert {name: spec.get("inRoles", []) for name, spec in roles.items()} == {
        "shop_owner": ["shop_transform"],
        "shop_ingest": [],
        "shop_transform": [],
        "shop_reader": [],
    }
    assert all(spec["passwordSecret"]["name"].startswith("shop-db-") for spec in roles.values())
    assert only(SCRAM.rendered, "Database", "shop")["spec"]["owner"] == "shop_owner"


@pytest.mark.parametrize(("policy", "word"), [("Retain", "retain"), ("Delete", "delete")])
def test_what_is_stored_stays_or_goes_as_the_policy_says(policy: str, word: str) -> None:
    rendered = with_spec(SCRAM, deletionPolicy=policy)
    assert only(rendered, "Database", "shop")["spec"]["databaseReclaimPolicy"] == word
    for made in rendered.manifests:
        if made["kind"] == "DatabaseRole":
            assert made["spec"]["databaseRoleReclaimPolicy"] == word


def test_a_role_without_a_password_yet_is_withheld() -> None:
    passwords = {role: text for role, text in SCRAM.facts.passwords.items() if role != "reader"}
    rendered = with_facts(SCRAM, passwords=passwords)
    assert rendered.withheld == {
        Ref(objects.DATABASE_ROLE, "scram", "shop-reader"),
        Ref(objects.SECRET, "scram", "shop-db-reader"),
    }


def test_where_roles_are_not_served_those_that_exist_keep_their_passwords() -> None:
    """A discovery that fails for a moment must not prune Secrets: their passwords would be made anew."""
    rendered = with_facts(SCRAM, optional_kinds=frozenset())
    secrets = {Ref(objects.SECRET, "scram", f"shop-db-{role}") for role in SCRAM.facts.passwords}
    assert secrets <= rendered.withheld
    assert "DatabaseRole" not in kinds(rendered)


# --- the migration


def test_a_new_password_changes_the_secret_of_the_migration_and_not_its_job() -> None:
    access = SCRAM.facts.databases["owner"]
    fresh = replace(access, dsn=access.dsn.replace("postgres-password-of-owner", "another"))
    rendered = with_facts(SCRAM, databases={**SCRAM.facts.databases, "owner": fresh})
    assert job_of(rendered) == job_of(SCRAM.rendered)
    secrets = [only(one, "Secret", "shop-migrate-env") for one in (rendered, SCRAM.rendered)]
    assert secrets[0]["data"] != secrets[1]["data"]


def test_the_job_is_named_before_it_can_be_made() -> None:
    name = Ref.of(job_of(SCRAM.rendered))
    assert with_facts(SCRAM, databases={}).withheld >= {name}
    assert migration_job(SCRAM.identity, SCRAM.spec, SCRAM.facts) == name


@pytest.mark.parametrize(
    "images",
    [
        replace(SCRAM.facts.images, consumer="pulse/consumer:0.2.0"),
        replace(SCRAM.facts.images, pull_policy="Always"),
        replace(SCRAM.facts.images, pull_secrets=("login",)),
    ],
)
def test_whatever_changes_the_job_changes_its_name(images: Images) -> None:
    """A Job cannot be changed: the API server would refuse the new form under the old name."""
    rendered = with_facts(SCRAM, images=images)
    assert job_of(rendered)["spec"] != job_of(SCRAM.rendered)["spec"]
    assert job_of(rendered)["metadata"]["name"] != job_of(SCRAM.rendered)["metadata"]["name"]


def test_other_images_leave_the_job_alone() -> None:
    rendered = with_facts(SCRAM, images=replace(SCRAM.facts.images, transform="pulse/transform:0.2.0"))
    assert job_of(rendered) == job_of(SCRAM.rendered)


@pytest.mark.parametrize("sink", [{"cluster": "other"}, {"cluster": "postgres", "database": "other"}])
def test_another_database_is_another_job(sink: dict[str, str]) -> None:
    rendered = with_spec(SCRAM, sink={"cloudNativePG": sink})
    assert job_of(rendered)["metadata"]["name"] != job_of(SCRAM.rendered)["metadata"]["name"]


def test_another_external_database_is_another_job() -> None:
    case = golden.case("external")
    owner = case.facts.databases["owner"]
    moved = replace(owner, dsn=owner.dsn.replace("db.example.com", "new.example.com"))
    renewed = replace(owner, dsn=owner.dsn.replace("given%20password", "another"))
    before = job_of(case.rendered)
    assert job_of(with_facts(case, databases={**case.facts.databases, "owner": renewed})) == before
    assert (
        job_of(with_facts(case, databases={**case.facts.databases, "owner": moved}))["metadata"] != before["metadata"]
    )


def test_a_stop_ends_the_migration_at_once_and_a_drained_node_does_not_count() -> None:
    rules = job_of(SCRAM.rendered)["spec"]["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in rules] == ["Ignore", "FailJob"]
    assert rules[1]["onExitCodes"] == {"containerName": "migrate", "operator": "In", "values": [3]}


def test_nobody_works_before_the_migration_is_done() -> None:
    rendered = with_facts(SCRAM, migrated=False)
    assert {ref.name for ref in rendered.withheld} == {"shop-consumer", "shop-maintain", "shop-transform"}
    assert "Job" in kinds(rendered)
    assert not {"Deployment", "CronJob"} & set(kinds(rendered))


def test_a_pipeline_can_be_told_to_rest_while_its_migration_fails() -> None:
    facts = replace(SCRAM.facts, migrated=False)
    rendered = replace(SCRAM, facts=facts, decision=replace(SCRAM.decision, suspended=True)).rendered
    assert only(rendered, "Deployment", "shop-consumer")["spec"]["replicas"] == 0
    assert only(rendered, "CronJob", "shop-transform")["spec"]["suspend"] is True


# --- workloads


def credentials(rendered: Rendered, name: str) -> str:
    found: str = only(rendered, "Deployment", name)["spec"]["template"]["metadata"]["annotations"][
        "pulse.dev/credentials"
    ]
    return found


def test_a_new_password_rolls_the_pods_that_use_it_and_no_others() -> None:
    case = golden.case("simulator")
    access = replace(case.facts.kafka["consumer"], password="another")
    rendered = with_facts(case, kafka={**case.facts.kafka, "consumer": access})
    assert credentials(rendered, "shop-consumer") != credentials(case.rendered, "shop-consumer")
    assert credentials(rendered, "shop-simulator") == credentials(case.rendered, "shop-simulator")


def test_a_new_ca_rolls_the_pods() -> None:
    access = replace(SCRAM.facts.databases["ingest"], ca="PEM text of a new CA")
    rendered = with_facts(SCRAM, databases={**SCRAM.facts.databases, "ingest": access})
    assert credentials(rendered, "shop-consumer") != credentials(SCRAM.rendered, "shop-consumer")


def test_a_suspended_pipeline_rests_and_keeps_everything() -> None:
    rendered = replace(SCRAM, decision=replace(SCRAM.decision, suspended=True)).rendered
    assert only(rendered, "Deployment", "shop-consumer")["spec"]["replicas"] == 0
    assert only(rendered, "CronJob", "shop-transform")["spec"]["suspend"] is True
    assert [Ref.of(made) for made in rendered.manifests] == [Ref.of(made) for made in SCRAM.rendered.manifests]


def test_a_consumer_has_time_to_finish_before_it_is_killed() -> None:
    pod = only(SCRAM.rendered, "Deployment", "shop-consumer")["spec"]["template"]["spec"]
    (grace,) = [one["value"] for one in pod["containers"][0]["env"] if one["name"] == "PULSE_SHUTDOWN_GRACE"]
    assert grace == "20s"
    assert pod["terminationGracePeriodSeconds"] >= 20 + 35  # and a last delivery of dead letters


def test_a_simulator_that_is_switched_off_leaves_nothing() -> None:
    case = golden.case("simulator")
    rendered = with_spec(case, simulator={"enabled": False})
    assert [made for made in rendered.manifests if "simulator" in made["metadata"]["name"]] == []
    assert rendered.withheld == frozenset()


def test_dbt_that_others_schedule_leaves_nothing() -> None:
    rendered = with_spec(SCRAM, transform={"enabled": False})
    gone = {Ref.of(made) for made in SCRAM.rendered.manifests} - {Ref.of(made) for made in rendered.manifests}
    assert {ref.name for ref in gone} == {"shop-transform", "shop-transform-env"}
    assert {ref.kind.name for ref in gone} == {"CronJob", "Secret", "NetworkPolicy"}
    assert rendered.withheld == frozenset()


def test_monitors_are_rendered_where_they_are_served() -> None:
    assert "PodMonitor" not in kinds(SCRAM.rendered)
    monitor = only(golden.case("pod-monitor").rendered, "PodMonitor", "shop-consumer")["spec"]
    pod = only(SCRAM.rendered, "Deployment", "shop-consumer")["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {one["port"] for one in monitor["podMetricsEndpoints"]} <= ports
