"""From apply to Ready: what is made, in which order, and what a person sees meanwhile and in the end."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from nodes import STARTING, SUCCEEDED
from programs import program
from world import Place, Raw, World

from pulse_local.paths import Paths
from pulse_operator import objects
from pulse_operator.conditions import ORDER
from pulse_operator.objects import FINALIZER, Ref

EVERYTHING: Raw = {
    "simulator": {"enabled": True},
    "collector": {"enabled": True, "ingress": {"host": "collect.example.com"}},
    "transform": {"fullRefreshSchedule": "0 3 * * 0"},
}
# What a pipeline consists of with everything switched on, but for the migration's Job, whose name is a hash.
NAMES = {
    *("KafkaTopic whole-events", "KafkaTopic whole-dlq"),
    *("KafkaUser whole-consumer", "KafkaUser whole-producer", "KafkaUser whole-lag"),
    *(f"DatabaseRole whole-{role}" for role in ("owner", "ingest", "transform", "reader")),
    *(f"Secret whole-db-{role}" for role in ("owner", "ingest", "transform", "reader")),
    "Database whole",
    *(
        f"NetworkPolicy whole-{part}"
        for part in ("consumer", "migrate", "maintain", "transform", "simulator", "collector")
    ),
    *(
        f"Secret whole-{part}-env"
        for part in ("consumer", "migrate", "maintain", "transform", "simulator", "collector")
    ),
    *("Service whole-consumer", "PodDisruptionBudget whole-consumer", "PodMonitor whole-consumer"),
    *("Deployment whole-consumer", "Deployment whole-simulator"),
    *("Deployment whole-collector", "HorizontalPodAutoscaler whole-collector", "Secret whole-collector-keys"),
    *("Service whole-collector", "PodDisruptionBudget whole-collector", "PodMonitor whole-collector"),
    "Ingress whole-collector",
    *("CronJob whole-transform", "CronJob whole-refresh", "CronJob whole-maintain"),
}


@pytest.fixture(scope="module")
def shop(world: World) -> Place:
    """A pipeline that is Ready."""
    return world.place("ready").apply().until_ready()


def test_every_condition_is_told_in_the_order_in_which_they_stand_on_each_other(shop: Place) -> None:
    told = shop.status()
    assert [one["type"] for one in told["conditions"]] == list(ORDER)
    generation = shop.there(shop.pipeline)["metadata"]["generation"]
    assert {one["observedGeneration"] for one in told["conditions"]} == {generation} == {told["observedGeneration"]}
    assert told["phase"] == "Ready"


def test_the_pipeline_is_kept_until_its_children_were_seen_to(shop: Place) -> None:
    assert shop.there(shop.pipeline)["metadata"]["finalizers"] == [FINALIZER]


def test_the_list_shows_what_people_ask_first(shop: Place, server_paths: Paths, tmp_path: Path) -> None:
    shop.until("the lag is told", lambda: shop.status().get("lag"))
    config = shop.world.server.kubeconfig(tmp_path / "kubeconfig")
    words = [str(program("kubectl", server_paths.cache)), "--kubeconfig", str(config), "get", "pp"]
    listed = subprocess.run([*words, "-n", shop.namespace], capture_output=True, text=True, check=True).stdout
    head, row = (line.split() for line in listed.splitlines())
    assert head == ["NAME", "READY", "REASON", "LAG", "REPLICAS", "LAST", "DBT", "AGE"]
    assert row[:5] == ["ready", "True", "Ready", "0", "1/1"]


def test_everything_that_was_asked_for_is_there_and_marked_as_the_pipelines(world: World) -> None:
    place = world.place("whole", login="scram-sha-512").apply(**EVERYTHING)
    place.until("everything is there", lambda: place.children().keys() >= NAMES, "ready")
    job = place.migration
    assert job is not None
    assert place.children().keys() == {*NAMES, f"Job {job.name}"}
    uid = place.there(place.pipeline)["metadata"]["uid"]
    for name, raw in place.children().items():
        owners = [one["uid"] for one in raw["metadata"].get("ownerReferences", ())]
        lasting = name.startswith(("Kafka", "Database")) or "-db-" in name
        assert owners == ([] if lasting else [uid]), name


def test_no_consumer_starts_before_the_database_has_its_schema(world: World) -> None:
    place = world.place("order")
    world.nodes.decide("order", "migrate", STARTING)
    place.apply()
    message = place.until_condition("SchemaMigrated", "Unknown", "Migrating")
    place.until_condition("ConsumerAvailable", "False", "Blocked")
    job = place.migration
    assert job is not None
    assert str(job) in message
    assert place.condition("Ready")["message"] == f"SchemaMigrated: {message}"
    assert place.status()["phase"] == "Progressing"
    place.stays("there is neither consumer nor dbt", lambda: not _at_work(place))
    world.nodes.decide("order", "migrate", SUCCEEDED)
    place.until_ready()
    assert len(_at_work(place)) == 2


def _at_work(place: Place) -> list[Ref]:
    wanted = (place.consumer, place.ref(objects.CRON_JOB, "transform"))
    return [ref for ref in wanted if place.read(ref) is not None]


def test_a_pipeline_finds_kafka_and_postgres_in_other_namespaces(world: World) -> None:
    kafka, postgres, place = world.place("kafka-there"), world.place("postgres-there"), world.place("apart")
    spec = place.spec()
    spec["source"]["strimzi"]["namespace"] = kafka.namespace
    spec["sink"]["cloudNativePG"]["namespace"] = postgres.namespace
    place.apply(spec).until_ready()
    assert place.read(Ref(objects.KAFKA_TOPIC, kafka.namespace, "apart-events"))
    assert place.read(Ref(objects.DATABASE, postgres.namespace, "apart"))
    assert not place.items(objects.KAFKA_TOPIC)
    assert not place.items(objects.DATABASE)
