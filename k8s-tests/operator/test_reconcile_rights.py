"""What the operator may not read or write is told with what to do about it, and done once it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from accounts import RBAC, new_account, new_namespace
from apiserver import ApiServer
from world import Place, World, running_world

from pulse_local.services.kafka import Broker

READ = ["get", "list", "watch"]
WRITE = [*READ, "create", "patch", "delete"]


def rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


# As the chart gives them, but for one right at home: to write CronJobs.
AT_HOME = [
    rule(
        "pulse.dev",
        ["pulsepipelines", "pulsepipelines/status", "pulsepipelines/finalizers"],
        [*READ, "patch", "update"],
    ),
    rule("apps", ["deployments"], WRITE),
    rule("batch", ["jobs"], WRITE),
    rule("batch", ["cronjobs"], READ),
    rule("", ["services", "secrets"], WRITE),
    rule("", ["pods"], READ),
    rule("", ["events"], ["create", "patch"]),
    rule("policy", ["poddisruptionbudgets"], WRITE),
    rule("autoscaling", ["horizontalpodautoscalers"], WRITE),
    rule("networking.k8s.io", ["networkpolicies", "ingresses"], WRITE),
    rule("monitoring.coreos.com", ["podmonitors"], WRITE),
    rule("coordination.k8s.io", ["leases"], ["get", "create", "update", "patch"]),
]
CRON_JOBS = [rule("batch", ["cronjobs"], WRITE)]
AT_KAFKA = [
    rule("kafka.strimzi.io", ["kafkas"], READ),
    rule("kafka.strimzi.io", ["kafkatopics", "kafkausers"], WRITE),
    rule("", ["secrets"], READ),
]
AT_POSTGRES = [
    rule("postgresql.cnpg.io", ["clusters"], READ),
    rule("postgresql.cnpg.io", ["databases", "databaseroles"], WRITE),
    rule("", ["secrets"], WRITE),
]


def grant(server: ApiServer, namespace: str, home: str, name: str, rules: list[dict[str, Any]]) -> None:
    """Gives the accounts of the namespace `home` these rights in another one."""
    folder = f"{RBAC}/namespaces/{namespace}"
    subject = {"kind": "Group", "name": f"system:serviceaccounts:{home}", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [subject],
    }
    for path, body in (
        (f"{folder}/roles", {"metadata": {"name": name}, "rules": rules}),
        (f"{folder}/rolebindings", binding),
    ):
        status, answer = server.call("POST", path, body)
        assert status == 201, answer


@pytest.fixture(scope="module")
def home(control_plane: ApiServer) -> str:
    """The one namespace whose pipelines are looked after, and where the operator is at home."""
    return new_namespace(control_plane)


@pytest.fixture(scope="module")
def confined(
    control_plane: ApiServer, broker: Broker, home: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """An operator with few rights."""
    folder = tmp_path_factory.mktemp("confined")
    token = new_account(control_plane, home, AT_HOME)
    config = str(control_plane.kubeconfig(folder / "confined", token))
    variables = {"KUBECONFIG": config, "PULSE_OPERATOR_NAMESPACE": home}
    with running_world(control_plane, broker, folder, home, **variables) as world:
        yield world


def spread(world: World, home: str, name: str) -> tuple[Place, Place, Place]:
    """A pipeline at home, its Kafka and its Postgres elsewhere."""
    kafka, postgres = world.place(f"{name}-kafka"), world.place(f"{name}-postgres")
    place = Place(world, home, name)
    place.create_topics()
    world.places.append(place)
    spec = place.spec()
    spec["source"]["strimzi"]["namespace"] = kafka.namespace
    spec["sink"]["cloudNativePG"]["namespace"] = postgres.namespace
    return place.apply(spec), kafka, postgres


def test_rights_that_lack_are_told_one_by_one_and_used_as_soon_as_they_are_granted(confined: World, home: str) -> None:
    place, kafka, postgres = spread(confined, home, "confined")
    message = place.until_condition("KafkaReady", "False", "Forbidden")
    assert kafka.namespace in message
    assert "kafkaNamespaces" in message
    message = place.until_condition("DatabaseReady", "False", "Forbidden")
    assert postgres.namespace in message
    grant(confined.server, kafka.namespace, home, "kafka", AT_KAFKA)
    grant(confined.server, postgres.namespace, home, "postgres", AT_POSTGRES)
    for name in ("KafkaReady", "TopicsReady", "CredentialsReady", "DatabaseReady"):
        place.until_condition(name, "True", "Ready", "retry")
    message = place.until_condition("TransformFresh", "False", "Forbidden", "retry")
    assert "CronJob" in message
    place.until_condition("ConsumerAvailable", "True", "Available")
    grant(confined.server, home, home, "cron-jobs", CRON_JOBS)
    place.until_condition("Ready", "True", "Ready", "retry")
