"""What holds of every rendering, and how it answers to a change of what goes in."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kit import golden
from kit.golden import Golden

from pulse.facts import Images
from pulse.names import checked_pipeline
from pulse.spec import PipelineSpec
from pulse_operator import objects
from pulse_operator.objects import Identity, Manifest, Ref, owned, owner_of
from pulse_operator.render import Rendered, migration_job

SCRAM = golden.case("scram")
EVERYTHING = golden.case("every-field")
PIPELINE_NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
WORKLOADS = {"Deployment", "CronJob", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"}
LASTING = {"KafkaTopic", "KafkaUser", "Database", "DatabaseRole"}


def only(rendered: Rendered, kind: str, name: str) -> Manifest:
    (found,) = [made for made in rendered.manifests if (made["kind"], made["metadata"]["name"]) == (kind, name)]
    return found


def kinds(rendered: Rendered) -> list[str]:
    return [made["kind"] for made in rendered.manifests]


def job_of(rendered: Rendered) -> Manifest:
    (found,) = [made for made in rendered.manifests if made["kind"] == "Job"]
    return found


def with_facts(case: Golden, **facts: Any) -> Rendered:
    return replace(case, facts=replace(case.facts, **facts)).rendered


def with_spec(case: Golden, **parts: Any) -> Rendered:
    spec = msgspec.convert({**case.pipeline["spec"], **parts}, PipelineSpec)
    return replace(case, spec=spec).rendered


def named(case: Golden, name: str) -> Rendered:
    return replace(case, identity=Identity("web", name, golden.UID)).rendered


# --- of every rendering


@settings(deadline=None)
@given(PIPELINE_NAMES)
def test_same_input_gives_the_same_bytes(name: str) -> None:
    one, other = (json.dumps(named(EVERYTHING, name).manifests) for _ in range(2))
    assert one == other


@settings(deadline=None)
@given(PIPELINE_NAMES)
@example("a" * 40)
def test_every_name_and_label_fits(name: str) -> None:
    checked_pipeline(name)
    rendered = named(EVERYTHING, name)
    for made in rendered.manifests:
        metadata = made["metadata"]
        longest = 52 if made["kind"] == "CronJob" else 63
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", metadata["name"])
        assert len(metadata["name"]) <= longest, made["kind"]
        assert max(map(len, metadata["labels"].values())) <= 63


@pytest.mark.parametrize("name", golden.names())
def test_keys_are_sorted(name: str) -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            assert list(value) == sorted(value)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(inner)

    check(list(golden.case(name).rendered.manifests))


@pytest.mark.parametrize("name", golden.names())
def test_no_object_is_rendered_twice_nor_withheld_as_well(name: str) -> None:
    rendered = golden.case(name).rendered
    refs = [Ref.of(made) for made in rendered.manifests]
    assert len(set(refs)) == len(refs)
    assert not rendered.withheld & set(refs)


@pytest.mark.parametrize("name", golden.names())
def test_every_child_says_whose_it_is(name: str) -> None:
    case = golden.case(name)
    for made in case.rendered.manifests:
        assert owner_of(made["metadata"]["labels"]) == (case.identity.namespace, case.identity.name)
        assert owned(made, case.identity)


@pytest.mark.parametrize("name", golden.names())
def test_what_holds_data_has_no_owner_and_all_else_has(name: str) -> None:
    case = golden.case(name)
    for made in case.rendered.manifests:
        role_secret = made["kind"] == "Secret" and made["type"] == "kubernetes.io/basic-auth"
        references = made["metadata"].get("ownerReferences", [])
        if made["kind"] in LASTING or role_secret:
            assert references == []
        else:
            assert made["kind"] in WORKLOADS | {"Secret"}
            assert made["metadata"]["namespace"] == case.identity.namespace
            assert [(one["uid"], one["controller"]) for one in references] == [(golden.UID, True)]


@pytest.mark.parametrize("name", golden.names())
def test_nothing_is_applied_before_what_it_names(name: str) -> None:
    """Pods come after their Secret and the policy that guards them, roles after their Secret, databases after roles."""
    order = {Ref.of(made): number for number, made in enumerate(golden.case(name).rendered.manifests)}
    for ref, number in order.items():
        if ref.kind == objects.DATABASE_ROLE:
            role = ref.name.rpartition("-")[2]
            assert order[Ref(objects.SECRET, ref.namespace, f"{ref.name.removesuffix(role)}db-{role}")] < number
        if ref.kind == objects.DATABASE:
            assert all(other < number for one, other in order.items() if one.kind == objects.DATABASE_ROLE)
    for made in golden.case(name).rendered.manifests:
        component = made["metadata"]["labels"][objects.COMPONENT_LABEL]
        if made["kind"] in {"Deployment", "CronJob", "Job"}:
            pipeline, space = made["metadata"]["labels"][objects.PIPELINE_LABEL], made["metadata"]["namespace"]
            number = order[Ref.of(made)]
            assert order[Ref(objects.NETWORK_POLICY, space, f"{pipeline}-{component}")] < number
            secret = f"{pipeline}-{component}-env"
            if secret in str(made):
                assert order[Ref(objects.SECRET, space, secret)] < number


@pytest.mark.parametrize("name", golden.names())
def test_pods_see_nothing_of_the_cluster(name: str) -> None:
    """Variables of Services would look like settings: one named pulse-… would stop every component."""
    for made in golden.case(name).rendered.manifests:
        if made["kind"] in {"Deployment", "CronJob", "Job"}:
            text = json.dumps(made)
            assert text.count('"enableServiceLinks": false') == text.count('"containers"') == 1
            assert text.count('"automountServiceAccountToken": false') == 1


@pytest.mark.parametrize("name", golden.names())
def test_nothing_is_empty(name: str) -> None:
    """The API server drops empty lists, texts and mappings, and what it drops would look changed for ever."""

    def check(value: Any, where: str) -> None:
        assert value not in ({}, [], "", None), where
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, found in inner:
            check(found, f"{where}.{key}")

    for made in golden.case(name).rendered.manifests:
        check(made, made["kind"])


# --- Kafka


def acls(user: str) -> dict[tuple[str, str], set[str]]:
    spec = only(SCRAM.rendered, "KafkaUser", f"shop-{user}")["spec"]
    return {
        (rule["resource"]["type"], rule["resource"]["name"]): set(rule["operations"])
        for rule in spec["authorization"]["acls"]
    }


def test_each_user_has_the_rights_of_its_work_and_no_other() -> None:
    assert acls("consumer") == {
        ("topic", "shop-events"): {"Describe", "DescribeConfigs", "Read"},
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
        Images("pulse/consumer:0.2.0", "pulse/simulator:0.1.0", "pulse/transform:0.1.0"),
        Images("pulse/consumer:0.1.0", "pulse/simulator:0.1.0", "pulse/transform:0.1.0", "Always"),
        Images("pulse/consumer:0.1.0", "pulse/simulator:0.1.0", "pulse/transform:0.1.0", pull_secrets=("login",)),
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
    assert {ref.name for ref in rendered.withheld} == {"shop-consumer", "shop-transform"}
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


@pytest.mark.parametrize("name", golden.names())
def test_selectors_pick_the_pods_of_their_component(name: str) -> None:
    manifests = golden.case(name).rendered.manifests
    pods = {
        made["metadata"]["labels"][objects.COMPONENT_LABEL]: made["spec"]["template"]["metadata"]["labels"]
        for made in manifests
        if made["kind"] in {"Deployment", "Job"}
    }
    for made in manifests:
        spec = made.get("spec", {})
        picked = spec.get("selector", spec.get("podSelector"))
        if picked is None:
            continue
        picked = picked.get("matchLabels", picked)
        component = made["metadata"]["labels"][objects.COMPONENT_LABEL]
        for other, labels in pods.items():
            assert (picked.items() <= labels.items()) == (other == component), made["kind"]


def test_nothing_connects_to_a_pipeline_but_to_look_at_metrics() -> None:
    policies = {
        made["metadata"]["name"]: made["spec"]
        for made in golden.case("simulator").rendered.manifests
        if made["kind"] == "NetworkPolicy"
    }
    assert set(policies) == {"shop-consumer", "shop-migrate", "shop-simulator", "shop-transform"}
    assert {name: spec.get("ingress") for name, spec in policies.items()} == {
        "shop-consumer": [{"ports": [{"port": 8080, "protocol": "TCP"}]}],
        "shop-migrate": None,
        "shop-simulator": None,
        "shop-transform": None,
    }


def test_an_external_pipeline_makes_nothing_of_the_platforms() -> None:
    rendered = golden.case("external").rendered
    assert not LASTING & set(kinds(rendered))
    assert rendered.withheld == frozenset()


def test_objects_of_others_go_to_their_namespaces() -> None:
    found = {made["kind"]: made["metadata"]["namespace"] for made in golden.case("cross-namespace").rendered.manifests}
    assert {found["KafkaTopic"], found["KafkaUser"]} == {"platform-kafka"}
    assert {found["Database"], found["DatabaseRole"]} == {"platform-postgres"}
    assert {found[kind] for kind in WORKLOADS & set(found)} == {"cross-namespace"}
