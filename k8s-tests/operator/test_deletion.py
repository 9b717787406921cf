"""What a deletion leaves and takes, in which order, and that it ends whatever went before it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from world import MERGE, Place, World

from pulse.facts import ROLES
from pulse_operator import objects
from pulse_operator.objects import FINALIZER, PAUSED_ANNOTATION, Kind, Ref

EVERYTHING = {"simulator": {"enabled": True}, "transform": {"fullRefreshSchedule": "0 3 * * 0"}}
# Finalizers as the operators of Kafka and Postgres set them, and one that a test lets go of by hand.
TOPIC_OPERATOR, CLOUD_NATIVE_PG, BY_HAND = "strimzi.io/topic-operator", "cnpg.io/deleteDatabase", "tests.pulse.dev/held"
NODE = "that-ends-no-pod"
LOGIN = "scram-sha-512"  # with it there are KafkaUsers; the real broker has no such listener, so it is never Ready


def lasting(place: Place) -> set[str]:
    """What holds data, and the passwords to it."""
    roles = {
        f"{kind} {place.name}-{infix}{role}"
        for kind, infix in (("DatabaseRole", ""), ("Secret", "db-"))
        for role in ROLES
    }
    return {f"KafkaTopic {place.name}-events", f"KafkaTopic {place.name}-dlq", f"Database {place.name}", *roles}


def hold(place: Place, ref: Ref, finalizer: str = BY_HAND) -> None:
    """Keeps an object from going; a pod is put on a node that never ends it."""
    if ref.kind is not objects.POD:
        place.change(ref, {"metadata": {"finalizers": [finalizer]}})
        return
    status, answer = place.world.server.call("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
    assert status in (201, 409), answer
    place.call(
        "POST", f"{ref.path}/binding", {"metadata": {"name": ref.name}, "target": {"kind": "Node", "name": NODE}}
    )


def let_go(place: Place, ref: Ref) -> None:
    server = place.world.server
    if ref.kind is objects.POD:
        server.call("DELETE", ref.path, {"gracePeriodSeconds": 0})
    else:
        server.call("PATCH", ref.path, {"metadata": {"finalizers": None}}, content_type=MERGE)


def topics(place: Place) -> list[Ref]:
    return [place.ref(objects.KAFKA_TOPIC, part) for part in ("events", "dlq")]


def pods(place: Place, component: str) -> list[Ref]:
    found = [raw["metadata"] for raw in place.items(objects.POD)]
    return [
        Ref(objects.POD, place.namespace, metadata["name"])
        for metadata in found
        if metadata.get("labels", {}).get(objects.COMPONENT_LABEL) == component
    ]


def until_left(place: Place, names: set[str]) -> None:
    place.until_gone(place.pipeline)
    place.until(f"what is left is {sorted(names)}", lambda: place.children().keys() == names)


def passwords(place: Place) -> dict[str, str]:
    secrets = {role: place.there(place.ref(objects.SECRET, f"db-{role}")) for role in ROLES}
    return {role: secret["data"]["password"] for role, secret in secrets.items()}


def is_deleting(place: Place, ref: Ref) -> bool:
    return "deletionTimestamp" in place.there(ref)["metadata"]


def awaited(place: Place, ref: Ref) -> None:
    """The status names it as what the deletion waits for."""
    message = place.until_condition("Ready", "False", "Deleting")
    place.until(f"{ref} is named", lambda: str(ref) in place.condition("Ready")["message"])
    assert message
    assert place.status()["phase"] == "Deleting"


@pytest.fixture
def held() -> Iterator[list[tuple[Place, Ref]]]:
    """What a test holds back, let go of in any case."""
    made: list[tuple[Place, Ref]] = []
    yield made
    for place, ref in made:
        if place.read(ref) is not None:
            let_go(place, ref)


def test_retain_keeps_data_and_passwords_and_removes_the_rest(world: World) -> None:
    place = world.place("retained").apply(**EVERYTHING).until_ready()
    kept = lasting(place)
    assert kept < place.children().keys()
    place.remove(place.pipeline)
    until_left(place, kept)
    (told,) = place.events("Retained")
    assert all(str(ref) in told["message"] for ref in [*topics(place), place.ref(objects.DATABASE)])


def test_delete_removes_everything_and_roles_only_after_the_database_that_they_own(
    world: World, held: list[tuple[Place, Ref]]
) -> None:
    place = world.place("deleted").apply(deletionPolicy="Delete", **EVERYTHING).until_ready()
    database = place.ref(objects.DATABASE)
    hold(place, database)
    held.append((place, database))
    place.remove(place.pipeline)
    place.until("the database is going", lambda: is_deleting(place, database))
    awaited(place, database)
    still = {name for name in lasting(place) if name.startswith(("DatabaseRole", "Secret"))}
    place.stays("roles wait for their database", lambda: still <= place.children().keys())
    assert not any(is_deleting(place, place.ref(objects.DATABASE_ROLE, role)) for role in ROLES)
    let_go(place, database)
    until_left(place, set())


@pytest.mark.parametrize("component", ["consumer", "simulator"])
def test_whoever_works_is_stopped_and_awaited_before_anything_is_removed(
    world: World, held: list[tuple[Place, Ref]], component: str
) -> None:
    name = f"quiet-{component}"
    place = world.place(name).apply(deletionPolicy="Delete", simulator={"enabled": True}).until_ready()
    (pod,) = pods(place, component)
    hold(place, pod)
    held.append((place, pod))
    before = place.children().keys()
    place.remove(place.pipeline)
    for deployment in (place.consumer, place.ref(objects.DEPLOYMENT, "simulator")):
        place.until_there(deployment, lambda raw: raw["spec"]["replicas"] == 0)
    awaited(place, pod)
    place.stays("nothing is removed", lambda: place.children().keys() == before)
    assert not any("deletionTimestamp" in raw["metadata"] for raw in place.children().values())
    let_go(place, pod)
    until_left(place, set())


def test_pods_are_awaited_also_when_somebody_deleted_their_deployment(
    world: World, held: list[tuple[Place, Ref]]
) -> None:
    place = world.place("headless").apply(deletionPolicy="Delete").until_ready()
    (pod,) = pods(place, "consumer")
    hold(place, pod)
    held.append((place, pod))
    place.change(place.pipeline, {"metadata": {"annotations": {PAUSED_ANNOTATION: "true"}}})
    place.until_condition("Ready", "Unknown", "Paused")
    place.remove(place.consumer)
    place.until_gone(place.consumer)
    place.remove(place.pipeline)
    awaited(place, pod)
    place.stays("nothing is removed", lambda: not any(is_deleting(place, ref) for ref in topics(place)))
    assert place.items(objects.NETWORK_POLICY)
    let_go(place, pod)
    until_left(place, set())


@pytest.mark.parametrize(
    ("platform", "kind", "finalizer"),
    [
        ("kafka", objects.KAFKA_TOPIC, TOPIC_OPERATOR),
        ("kafka", objects.KAFKA_USER, TOPIC_OPERATOR),
        ("cluster", objects.DATABASE, CLOUD_NATIVE_PG),
        ("cluster", objects.DATABASE_ROLE, CLOUD_NATIVE_PG),
    ],
)
def test_what_only_an_operator_that_is_gone_could_finish_is_freed(
    world: World, platform: str, kind: Kind, finalizer: str
) -> None:
    place = world.place(f"freed-{kind.plural}", login=LOGIN).apply(deletionPolicy="Delete")
    place.until_there(place.consumer)
    found = place.items(kind)
    assert found
    for raw in found:
        hold(place, Ref(kind, place.namespace, raw["metadata"]["name"]), finalizer)
    place.remove(getattr(place, platform))
    place.remove(place.pipeline)
    until_left(place, set())


@pytest.mark.parametrize(("kind", "other"), [(objects.KAFKA_TOPIC, "cluster"), (objects.DATABASE, "kafka")])
def test_an_operator_that_is_only_slow_is_waited_for_and_named(
    world: World, held: list[tuple[Place, Ref]], kind: Kind, other: str
) -> None:
    place = world.place(f"slow-{kind.plural}").apply(deletionPolicy="Delete").until_ready()
    ref = place.ref(kind, "events" if kind is objects.KAFKA_TOPIC else "")
    hold(place, ref, TOPIC_OPERATOR)
    held.append((place, ref))
    place.remove(getattr(place, other))  # that the other one is gone is no reason
    place.remove(place.pipeline)
    place.until("its deletion is asked for", lambda: is_deleting(place, ref))
    awaited(place, ref)
    place.stays("it is not freed", lambda: place.there(ref)["metadata"]["finalizers"] == [TOPIC_OPERATOR], seconds=7)
    let_go(place, ref)
    until_left(place, set())


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_pipeline_kafka_and_cluster_may_go_in_any_order(world: World, policy: str) -> None:
    places = []
    for number, order in enumerate(itertools.permutations(("pipeline", "kafka", "cluster"))):
        place = world.place(f"order-{policy.lower()}-{number}").apply(deletionPolicy=policy)
        places.append((place, order))
    for place, _ in places:
        place.until_ready()
        for ref in topics(place):
            hold(place, ref, TOPIC_OPERATOR)
        hold(place, place.ref(objects.DATABASE), CLOUD_NATIVE_PG)
    for place, order in places:
        for part in order:
            place.remove(getattr(place, part))
    for place, _ in places:
        until_left(place, lasting(place) if policy == "Retain" else set())
    if policy == "Retain":
        assert not any(
            "deletionTimestamp" in raw["metadata"] for place, _ in places for raw in place.children().values()
        )
        for place, _ in places:
            for ref in [*topics(place), place.ref(objects.DATABASE)]:
                let_go(place, ref)


def test_a_pipeline_of_the_same_name_takes_over_what_was_kept(world: World) -> None:
    place = world.place("again").apply().until_ready()
    before, kept = passwords(place), lasting(place)
    uids = {name: raw["metadata"]["uid"] for name, raw in place.children().items() if name in kept}
    place.remove(place.pipeline)
    place.until_gone(place.pipeline)
    place.apply().until_ready()
    assert passwords(place) == before
    assert {name: raw["metadata"]["uid"] for name, raw in place.children().items() if name in kept} == uids
    new = place.there(place.pipeline)["metadata"]["uid"]
    assert place.there(place.consumer)["metadata"]["ownerReferences"][0]["uid"] == new


def test_a_pipeline_made_again_at_once_is_kept_like_any_other(world: World) -> None:
    place = world.place("rebound").apply().until_ready()
    before = passwords(place)
    for _ in range(3):
        uid = place.there(place.pipeline)["metadata"]["uid"]
        place.remove(place.pipeline)
        while (found := place.read(place.pipeline)) is not None and found["metadata"]["uid"] == uid:
            pass  # as fast as can be
        place.apply()
    place.until_ready()
    assert passwords(place) == before


def test_children_in_other_namespaces_are_removed_too(world: World) -> None:
    kafka, postgres, place = world.place("there-kafka", login=LOGIN), world.place("there-postgres"), world.place("far")
    spec = place.spec(deletionPolicy="Delete")
    spec["source"]["strimzi"]["namespace"] = kafka.namespace
    spec["sink"]["cloudNativePG"]["namespace"] = postgres.namespace
    place.apply(spec).until_there(place.consumer)
    abroad = (objects.KAFKA_TOPIC, objects.KAFKA_USER, objects.DATABASE, objects.DATABASE_ROLE)
    there = [(other, kind) for other in (kafka, postgres) for kind in abroad]
    assert sum(len(other.items(kind)) for other, kind in there) == 10  # topics, users, database, roles
    place.remove(place.pipeline)
    until_left(place, set())
    assert not [raw["metadata"]["name"] for other, kind in there for raw in other.items(kind)]
    secrets = [raw["metadata"]["name"] for raw in postgres.items(objects.SECRET)]
    assert not [name for name in secrets if "-db-" in name]


@pytest.mark.parametrize("how", ["paused", "suspended", "blocked"])
def test_a_pipeline_that_does_not_work_goes_too(world: World, how: str) -> None:
    place = world.place(f"idle-{how}")
    if how == "blocked":
        place.remove(place.kafka)
        place.apply(deletionPolicy="Delete").until_condition("KafkaReady", "False", "NotFound")
    else:
        place.apply(deletionPolicy="Delete").until_ready()
    if how == "paused":
        place.change(place.pipeline, {"metadata": {"annotations": {PAUSED_ANNOTATION: "true"}}})
        place.until_condition("Ready", "Unknown", "Paused")
    if how == "suspended":
        place.change(place.pipeline, {"spec": {"suspend": True}})
        place.until_condition("Ready", "False", "Suspended")
    place.remove(place.pipeline)
    until_left(place, set())


def test_a_finalizer_of_somebody_else_stays(world: World) -> None:
    place = world.place("shared").apply()
    place.until_there(place.pipeline, lambda raw: FINALIZER in raw["metadata"].get("finalizers", ()))
    body = [{"op": "add", "path": "/metadata/finalizers/0", "value": BY_HAND}]
    place.call("PATCH", place.pipeline.path, body, "application/json-patch+json")
    place.until_ready()
    assert set(place.there(place.pipeline)["metadata"]["finalizers"]) == {FINALIZER, BY_HAND}
    place.remove(place.pipeline)
    place.until_there(place.pipeline, lambda raw: raw["metadata"]["finalizers"] == [BY_HAND])
    place.stays(
        "nobody touches it any more", lambda: place.there(place.pipeline)["metadata"]["finalizers"] == [BY_HAND]
    )
    let_go(place, place.pipeline)
    until_left(place, lasting(place))
