"""What a person switches on and off: suspension, pause, the simulator, and a foreign object in a child's place."""

from __future__ import annotations

from nodes import STARTING, SUCCEEDED
from world import Place, World

from pulse_operator import objects
from pulse_operator.objects import PAUSED_ANNOTATION, Ref

PAUSED = {"metadata": {"annotations": {PAUSED_ANNOTATION: "true"}}}
UNPAUSED = {"metadata": {"annotations": {PAUSED_ANNOTATION: None}}}


def test_a_suspended_pipeline_rests_and_goes_on_when_it_is_resumed(world: World) -> None:
    place = world.place("suspended").apply().until_ready()
    cron = place.ref(objects.CRON_JOB, "transform")
    place.apply(suspend=True)
    place.until_there(place.consumer, lambda raw: raw["spec"]["replicas"] == 0 and "replicas" not in raw["status"])
    place.until_there(cron, lambda raw: raw["spec"]["suspend"] is True)
    message = place.until_condition("Ready", "False", "Suspended")
    place.until("its pods are gone", lambda: "its pods are gone" in place.condition("Ready")["message"])
    assert "suspended" in message
    assert place.status()["phase"] == "Suspended"
    assert place.read(place.ref(objects.KAFKA_TOPIC, "events")), "topics stay"
    assert "Suspended" in {raw["reason"] for raw in place.events()}
    place.apply(suspend=False)
    place.until_there(place.consumer, lambda raw: raw["spec"]["replicas"] == 1)
    place.until_there(cron, lambda raw: raw["spec"]["suspend"] is False)
    place.until_ready()


def test_a_new_pipeline_that_is_suspended_gets_its_schema_and_no_consumer(world: World) -> None:
    place = world.place("born-suspended").apply(suspend=True)
    place.until_condition("SchemaMigrated", "True", "Migrated", "ready")
    place.until_there(place.consumer, lambda raw: raw["spec"]["replicas"] == 0)
    assert place.status()["phase"] == "Suspended"


def _message(place: Place, condition: str) -> str:
    return next((one["message"] for one in place.status().get("conditions", ()) if one["type"] == condition), "")


def test_a_pipeline_that_is_resumed_before_it_has_its_schema_says_what_dbt_waits_for(world: World) -> None:
    place = world.place("resumed-early")
    world.nodes.decide("resumed-early", "migrate", STARTING)
    place.apply(suspend=True)
    cron = place.ref(objects.CRON_JOB, "transform")
    place.until_there(cron, lambda raw: raw["spec"]["suspend"] is True)
    place.apply(suspend=False)
    said = f"{cron} waits for SchemaMigrated (Migrating) to be resumed."
    place.until("it says what it waits for", lambda: _message(place, "TransformFresh") == said, "ready")
    place.until_condition("TransformFresh", "Unknown", "Blocked")
    place.until_condition("ConsumerAvailable", "False", "Blocked")
    place.stays("dbt rests", lambda: place.there(cron)["spec"]["suspend"] is True)
    world.nodes.decide("resumed-early", "migrate", SUCCEEDED)
    place.until_there(cron, lambda raw: raw["spec"]["suspend"] is False)
    place.until_ready()


def test_hands_are_kept_off_a_paused_pipeline_until_it_goes_on(world: World) -> None:
    place = world.place("paused").apply().until_ready()
    place.change(place.pipeline, PAUSED)
    place.until_condition("Ready", "Unknown", "Paused")
    assert place.status()["phase"] == "Paused"
    changed, gone = place.ref(objects.CRON_JOB, "transform"), place.ref(objects.SERVICE, "consumer")
    place.change(changed, {"spec": {"schedule": "0 0 1 1 *"}})
    place.remove(gone)
    place.apply(consumer={"batch": {"rows": 9}})
    place.stays("nothing is set back", lambda: _untouched(place, changed, gone))
    place.change(place.pipeline, UNPAUSED)
    place.until_there(changed, lambda raw: raw["spec"]["schedule"] != "0 0 1 1 *")
    place.until_there(gone)
    place.until_there(place.consumer, lambda raw: '"9"' in str(raw["spec"]["template"]).replace("'", '"'))
    place.until_ready()


def _untouched(place: Place, changed: Ref, gone: Ref) -> bool:
    return place.there(changed)["spec"]["schedule"] == "0 0 1 1 *" and place.read(gone) is None


def test_a_simulator_that_is_switched_off_goes_with_all_that_is_its_own(world: World) -> None:
    place = world.place("simulated", login="scram-sha-512").apply(simulator={"enabled": True})
    mine = [place.ref(objects.DEPLOYMENT, "simulator"), place.ref(objects.NETWORK_POLICY, "simulator")]
    mine.append(place.ref(objects.SECRET, "simulator-env"))
    for ref in mine:
        place.until_there(ref)
    others = {name for name in place.children() if "simulator" not in name}
    place.apply(simulator={"enabled": False})
    for ref in mine:
        place.until_gone(ref)
    assert place.children().keys() >= others


def test_a_schedule_that_is_taken_away_takes_its_cron_job_along(world: World) -> None:
    place = world.place("refreshed").apply(transform={"fullRefreshSchedule": "0 3 * * 0"})
    place.until_there(place.ref(objects.CRON_JOB, "refresh"))
    place.apply(transform={"schedule": "*/15 * * * *"})
    place.until_gone(place.ref(objects.CRON_JOB, "refresh"))
    assert place.read(place.ref(objects.CRON_JOB, "transform"))


def test_a_foreign_object_in_the_place_of_a_child_is_told_and_left_alone(world: World) -> None:
    place = world.place("taken")
    theirs = {"metadata": {"name": "taken-events"}, "spec": {"partitions": 1}, "kind": "KafkaTopic"}
    theirs["apiVersion"] = objects.KAFKA_TOPIC.api_version
    ref = place.ref(objects.KAFKA_TOPIC, "events")
    place.call("POST", ref.folder, theirs)
    place.apply()
    message = place.until_condition("TopicsReady", "False", "OwnedByOther", "ready")
    assert str(ref) in message
    assert place.there(ref)["spec"] == {"partitions": 1}
    assert not place.there(ref)["metadata"].get("labels")
    place.until_there(place.ref(objects.KAFKA_TOPIC, "dlq"))
    place.remove(ref)
    place.until_there(ref, lambda raw: raw["spec"]["partitions"] == 6)
    place.until_ready()


def test_a_foreign_object_that_no_condition_speaks_of_is_told_by_ready(world: World) -> None:
    place = world.place("squatted")
    ref = place.ref(objects.SERVICE, "consumer")
    ports = {"ports": [{"port": 80}]}
    place.call("POST", ref.folder, {"metadata": {"name": ref.name}, "spec": ports})
    place.apply()
    message = place.until_condition("Ready", "False", "OwnedByOther", "ready")
    assert str(ref) in message
    place.until_condition("ConsumerAvailable", "True", "Available")
    assert place.status()["phase"] == "Degraded"
    assert [one["port"] for one in place.there(ref)["spec"]["ports"]] == [80]
    place.remove(ref)
    place.until_ready()


def test_one_poisoned_pipeline_does_not_stop_the_others(world: World) -> None:
    """Poison: a time zone that no control plane knows, and amounts that no API server takes."""
    poisoned = world.place("poisoned").apply(transform={"timeZone": "Nowhere/Else"})
    heavy = {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}
    other = world.place("poisoned-too").apply(consumer={"resources": heavy})
    healthy = world.place("healthy").apply().until_ready()
    poisoned.until_condition("TransformFresh", "False", "InvalidTimeZone")
    assert "Nowhere/Else" in poisoned.condition("TransformFresh")["message"]
    other.until_condition("ConsumerAvailable", "False", "Refused")
    assert "memory" in other.condition("ConsumerAvailable")["message"]
    healthy.change(healthy.ref(objects.CRON_JOB, "transform"), {"spec": {"suspend": True}})
    healthy.until_there(healthy.ref(objects.CRON_JOB, "transform"), lambda raw: raw["spec"]["suspend"] is False)
