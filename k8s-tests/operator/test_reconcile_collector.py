"""Collectors switched on, changed, scaled by the real autoscaler of Kubernetes, and switched off again."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from nodes import crashing
from world import MERGE, Place, Raw, World

from pulse import senders
from pulse_operator import objects
from pulse_operator.objects import COMPONENT_LABEL, Ref

ORIGIN, OTHER = "https://shop.example", "https://other.example"
COLLECTS: Raw = {"enabled": True, "origins": [ORIGIN], "scaling": {"min": 2, "max": 5}}
INGRESS: Raw = {"host": "collect.shop.example", "tlsSecret": "collect-tls"}
ALL_OF_IT = (
    *(objects.DEPLOYMENT, objects.AUTOSCALER, objects.SERVICE, objects.INGRESS, objects.DISRUPTION_BUDGET),
    *(objects.NETWORK_POLICY, objects.POD_MONITOR),
)


def collects(world: World, name: str, **parts: Any) -> Place:
    """A pipeline whose collectors run."""
    place = world.place(name).apply(collector={**COLLECTS, **parts})
    place.until_condition("CollectorAvailable", "True", "Available", "ready")
    return place


@pytest.fixture(scope="module")
def running(world: World) -> Place:
    return collects(world, "collecting", ingress=INGRESS)


@pytest.fixture
def shop(running: Place) -> Place:
    """The one that most tests share, whatever the test before made of it."""
    running.apply(collector={**COLLECTS, "ingress": INGRESS})
    running.until_there(running.ref(objects.AUTOSCALER, "collector"), lambda raw: raw["spec"]["minReplicas"] == 2)
    if replicas(running) != 2:
        scale(running, 2)
    running.until("both run", lambda: rolled(running, "PULSE_COLLECTOR_ORIGINS", ORIGIN), "ready")
    running.until_condition("CollectorAvailable", "True", "Available")
    return running


def deployment(place: Place) -> Ref:
    return place.ref(objects.DEPLOYMENT, "collector")


def keys(place: Place) -> Ref:
    return place.ref(objects.SECRET, "collector-keys")


def replicas(place: Place) -> int:
    return int(place.there(deployment(place))["spec"]["replicas"])


def scale(place: Place, count: int, manager: str = "kube-controller-manager") -> None:
    """What an autoscaler does, or `kubectl scale`."""
    path = f"{deployment(place).path}/scale?fieldManager={manager}"
    place.call("PATCH", path, {"spec": {"replicas": count}}, MERGE)


def text(secret: Raw, name: str) -> str:
    return base64.b64decode(secret["data"][name]).decode()


def pods(place: Place) -> list[Raw]:
    """Those that stay."""
    found = [pod for pod in place.items(objects.POD) if pod["metadata"]["labels"].get(COMPONENT_LABEL) == "collector"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def told(pod: Raw, name: str) -> str:
    """A variable that stands in a pod itself."""
    (container,) = pod["spec"]["containers"]
    return next((one.get("value", "") for one in container["env"] if one["name"] == name), "")


def rolled(place: Place, name: str, value: str) -> bool:
    """Whether every pod is told this, and all of them are ready."""
    found = pods(place)
    status = place.there(deployment(place)).get("status", {})
    return len(found) == 2 == status.get("readyReplicas") and all(told(pod, name) == value for pod in found)


def test_switched_on_all_of_it_is_there_and_its_status_says_where(shop: Place) -> None:
    for kind in ALL_OF_IT:
        shop.until_there(shop.ref(kind, "collector"))
    key = text(shop.there(keys(shop)), "web")
    assert senders.mistake([("web", key)]) is None
    env = shop.there(shop.ref(objects.SECRET, "collector-env"))
    assert f"web:{key}" in text(env, "PULSE_COLLECTOR_KEYS")
    assert shop.status()["collector"] == {
        "service": f"http://collecting-collector.{shop.namespace}.svc/v1/events",
        "url": "https://collect.shop.example/v1/events",
        "keysSecret": "collecting-collector-keys",
    }
    shop.until_ready()


def test_other_origins_roll_the_pods_and_leave_the_keys(shop: Place) -> None:
    before = shop.there(keys(shop))["data"]
    shop.apply(collector={**COLLECTS, "origins": [ORIGIN, OTHER], "ingress": INGRESS})
    shop.until("all pods are new", lambda: rolled(shop, "PULSE_COLLECTOR_ORIGINS", f"{ORIGIN},{OTHER}"), "ready")
    assert shop.there(keys(shop))["data"] == before
    shop.until_condition("CollectorAvailable", "True", "Available", "ready")


def test_the_autoscalers_number_is_not_undone(shop: Place) -> None:
    corrected = len(shop.events("DriftCorrected"))
    scale(shop, 4)
    generation = shop.there(deployment(shop))["metadata"]["generation"]
    shop.stays("it is left alone", lambda: replicas(shop) == 4)
    assert shop.there(deployment(shop))["metadata"]["generation"] == generation, "nobody fights over it"
    shop.apply(collector={**COLLECTS, "rate": {"eventsPerSecond": 7}, "ingress": INGRESS})
    shop.until_there(deployment(shop), lambda raw: raw["metadata"]["generation"] > generation)
    assert replicas(shop) == 4, "also when the rest of it is written"
    shop.stays("it is left alone", lambda: replicas(shop) == 4)
    assert len(shop.events("DriftCorrected")) == corrected
    scale(shop, 9)
    shop.until("the autoscaler keeps to the most", lambda: replicas(shop) == 5)


def test_where_an_autoscaler_does_nothing_at_all_the_fewest_are_started(shop: Place) -> None:
    scale(shop, 0, "kubectl")
    shop.until("collectors are back", lambda: replicas(shop) == 2)
    shop.until_condition("CollectorAvailable", "True", "Available", "ready")


def test_another_minimum_is_one_at_once(shop: Place) -> None:
    shop.apply(collector={**COLLECTS, "scaling": {"min": 3, "max": 5}, "ingress": INGRESS})
    shop.until("three run", lambda: replicas(shop) == 3)
    shop.until_there(shop.ref(objects.AUTOSCALER, "collector"), lambda raw: raw["spec"]["minReplicas"] == 3)


@pytest.mark.parametrize("kind", ALL_OF_IT, ids=lambda kind: kind.name)
def test_what_is_deleted_of_it_is_made_again(shop: Place, kind: objects.Kind) -> None:
    ref = shop.ref(kind, "collector")
    uid = shop.there(ref)["metadata"]["uid"]
    shop.remove(ref)
    shop.until_there(ref, lambda raw: raw["metadata"]["uid"] != uid)


def test_what_is_changed_of_it_is_set_back(shop: Place) -> None:
    ingress, autoscaler = shop.ref(objects.INGRESS, "collector"), shop.ref(objects.AUTOSCALER, "collector")
    shop.change(autoscaler, {"spec": {"maxReplicas": 50}})
    shop.change(ingress, {"spec": {"tls": None}})
    shop.until_there(ingress, lambda raw: raw["spec"].get("tls"))
    shop.until_there(autoscaler, lambda raw: raw["spec"]["maxReplicas"] == 5)


def test_a_suspended_pipeline_goes_on_taking_events(shop: Place) -> None:
    before = shop.there(deployment(shop))
    shop.apply(collector={**COLLECTS, "ingress": INGRESS}, suspend=True)
    shop.until_there(shop.consumer, lambda raw: raw["spec"]["replicas"] == 0)
    shop.until_condition("Ready", "False", "Suspended")
    shop.stays("it runs", lambda: replicas(shop) == 2)
    assert shop.there(deployment(shop))["metadata"]["generation"] == before["metadata"]["generation"]
    assert shop.condition("CollectorAvailable")["status"] == "True"
    shop.apply(collector={**COLLECTS, "ingress": INGRESS})
    shop.until_ready()


def test_why_no_collector_is_ready_is_told_in_the_words_of_a_pod(shop: Place) -> None:
    shop.world.nodes.decide(shop.name, "collector", crashing(3, "Port 8000 cannot be opened."))
    message = shop.until_condition("CollectorAvailable", "False", "Unavailable")
    assert "Port 8000 cannot be opened" in message
    assert shop.until_condition("Ready", "False", "Unavailable").startswith("CollectorAvailable: ")
    del shop.world.nodes.fates[shop.name, "collector"]
    shop.until_condition("CollectorAvailable", "True", "Available")


def test_a_key_that_is_changed_or_added_is_the_one_that_counts(shop: Place) -> None:
    def in_force() -> str:
        return text(shop.there(shop.ref(objects.SECRET, "collector-env")), "PULSE_COLLECTOR_KEYS")

    shop.call("PATCH", keys(shop).path, {"stringData": {"web": "changed-by-hand", "app": "another-one"}}, MERGE)
    shop.until("both are in force", lambda: in_force() == "app:another-one,web:changed-by-hand")
    shop.until_condition("CollectorAvailable", "True", "Available", "ready")
    assert text(shop.there(keys(shop)), "web") == "changed-by-hand"
    shop.remove(keys(shop))

    made = shop.until_there(keys(shop), lambda raw: text(raw, "web") != "changed-by-hand")
    shop.until("it is in force", lambda: in_force() == f"web:{text(made, 'web')}")


def test_keys_of_a_person_are_taken_once_they_are_right(world: World) -> None:
    place = world.place("supplied").apply(collector={**COLLECTS, "writeKeys": {"name": "mine"}})
    message = place.until_condition("CredentialsReady", "False", "SecretMissing", "ready")
    assert f"Secret {place.namespace}/mine does not exist" in message
    place.until_condition("CollectorAvailable", "False", "Blocked")
    mine = Ref(objects.SECRET, place.namespace, "mine")
    place.call("POST", mine.folder, {"metadata": {"name": "mine"}, "stringData": {"web": "short"}})
    message = place.until_condition("CredentialsReady", "False", "WriteKeyInvalid")
    assert "the entry web" in message
    assert "short" not in message
    assert place.read(deployment(place)) is None
    place.call("PATCH", mine.path, {"stringData": {"web": "long-enough"}}, MERGE)
    place.until_ready()
    assert place.read(keys(place)) is None
    generation = place.there(deployment(place))["metadata"]["generation"]
    place.call("PATCH", mine.path, {"stringData": {"Wrong": "long-enough-too"}}, MERGE)
    place.until_condition("CredentialsReady", "False", "WriteKeyInvalid")
    assert place.condition("CollectorAvailable")["status"] == "True", "those that run go on"
    assert place.there(deployment(place))["metadata"]["generation"] == generation
    place.call("PATCH", mine.path, {"data": {"Wrong": None}}, MERGE)
    place.until_ready()
    place.remove(mine)
    place.until_condition("CredentialsReady", "False", "SecretMissing")
    assert place.condition("CollectorAvailable")["status"] == "True", "those that run go on"
    assert place.there(deployment(place))["metadata"]["generation"] == generation


def test_it_logs_in_to_kafka_as_the_user_that_may_only_write(world: World) -> None:
    place = world.place("logged-in", login="scram-sha-512").apply(collector=COLLECTS)
    place.until_condition("CollectorAvailable", "True", "Available", "ready")
    env = place.there(place.ref(objects.SECRET, "collector-env"))
    assert text(env, "PULSE_KAFKA_SASL_PASSWORD") == "of-logged-in-producer"
    (pod, *_) = pods(place)
    assert told(pod, "PULSE_KAFKA_SASL_USERNAME") == "logged-in-producer"
    user = place.there(place.ref(objects.KAFKA_USER, "producer"))
    (right,) = user["spec"]["authorization"]["acls"]
    assert (right["resource"]["name"], right["operations"]) == ("logged-in-events", ["Describe", "Write"])


def test_switched_off_all_of_it_goes_and_nothing_else(world: World) -> None:
    place = collects(world, "switched-off", ingress=INGRESS).until_ready()
    before = place.children()
    mine = {name for name in before if "collector" in name}
    assert len(mine) == len(ALL_OF_IT) + 2
    place.apply(collector={"enabled": False})
    place.until("all of it is gone", lambda: not {name for name in place.children() if "collector" in name})
    place.until("its pods are gone", lambda: not pods(place))
    assert place.children().keys() == before.keys() - mine
    place.until_condition("CollectorAvailable", "True", "NotEnabled")
    place.until("its status is gone", lambda: "collector" not in place.status())
    place.until_ready()


def test_a_deleted_pipeline_takes_its_collectors_along(world: World) -> None:
    place = collects(world, "collected", ingress=INGRESS)
    place.remove(place.pipeline)
    place.until_gone(place.pipeline)
    place.until("all of it is gone", lambda: not {name for name in place.children() if "collector" in name})
