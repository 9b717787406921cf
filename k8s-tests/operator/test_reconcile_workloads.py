"""The conditions of what a pipeline runs: migration, consumers and dbt, by what their pods say and what is refused."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from nodes import READY, STARTING, SUCCEEDED, Fate, crashing, failed, unscheduled, waiting
from world import Place, Raw, World

from pulse.cli import STOPPED
from pulse_operator import objects
from pulse_operator.objects import COMPONENT_LABEL, Ref
from pulse_operator.reconcile import RETRY_JOB_SECONDS
from pulse_operator.timestamps import text_of

NEVER = "0 0 1 1 *"  # within a year, but not within a test


# The migration


def stuck(world: World, name: str, fate: Fate) -> Place:
    """A pipeline whose migration comes to this end."""
    place = world.place(name)
    world.nodes.decide(name, "migrate", fate)
    return place.apply()


def test_a_migration_that_failed_is_told_in_the_words_of_its_pod(world: World) -> None:
    place = stuck(world, "broken", failed(STOPPED, "0003_roles.sql: permission denied for schema raw."))
    message = place.until_condition("SchemaMigrated", "False", "MigrationFailed")
    assert "permission denied for schema raw" in message
    assert "Pod broken-migrate-" in message
    place.until_condition("ConsumerAvailable", "False", "Blocked")
    assert place.condition("Ready")["message"] == f"SchemaMigrated: {message}"
    assert place.read(place.consumer) is None


def test_a_database_that_another_pipeline_has_taken_is_told(world: World) -> None:
    place = stuck(world, "second", failed(STOPPED, "The database shop belongs to pipeline first: use another."))
    message = place.until_condition("SchemaMigrated", "False", "OtherPipeline")
    assert "belongs to pipeline first" in message


def test_a_migration_that_failed_a_while_ago_is_tried_again(world: World) -> None:
    place = stuck(world, "again", failed(STOPPED, "no route to host"))
    place.until_condition("SchemaMigrated", "False", "MigrationFailed")
    job = place.migration
    assert job is not None
    world.nodes.decide("again", "migrate", SUCCEEDED)
    place.stays("it is left for people to look at", lambda: _failed(place.there(job)) is not None)
    # The clock of the tests cannot be turned, but the Job can say that it failed earlier.
    status = place.there(job)["status"]
    earlier = text_of(time.time() - RETRY_JOB_SECONDS - 1)
    for told in status["conditions"]:
        told["lastTransitionTime"] = earlier
    place.call("PATCH", f"{job.path}/status", {"status": status}, "application/merge-patch+json")
    place.until_ready()


def _failed(job: Raw) -> Raw | None:
    return next((one for one in job.get("status", {}).get("conditions", ()) if one["type"] == "Failed"), None)


# The consumers


@dataclass(frozen=True)
class Trouble:
    """What keeps consumers from being ready, and which of its words are told."""

    name: str
    fate: Fate
    says: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


TROUBLES = [
    Trouble("no image", waiting("ImagePullBackOff", "pull access denied"), ("ImagePullBackOff", "pull access denied")),
    Trouble("crashing", crashing(3, "Topic x is not there. Create it."), ("code 3", "Topic x is not there")),
    Trouble("no node", unscheduled("0/3 nodes are available: 3 Insufficient memory"), ("Insufficient memory",)),
]


@pytest.fixture(scope="module")
def running(world: World) -> Place:
    """A pipeline that is Ready."""
    return world.place("workloads").apply(transform={"schedule": NEVER})


def test_the_first_consumers_may_take_their_time(world: World) -> None:
    world.nodes.decide("starting", "consumer", STARTING)
    place = world.place("starting").apply()
    place.until_condition("ConsumerAvailable", "Unknown", "Pending", "ready")
    place.until_there(place.consumer)
    assert place.status()["phase"] == "Progressing"
    world.nodes.decide("starting", "consumer", READY)
    place.until_ready()
    assert not [raw["message"] for raw in place.events() if raw["type"] == "Warning"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_consumers_that_are_not_ready_are_told_in_the_words_of_their_pods(running: Place, trouble: Trouble) -> None:
    running.until_ready()
    running.world.nodes.decide(running.name, "consumer", trouble.fate)
    try:
        message = running.until_condition("ConsumerAvailable", "False", "Unavailable")
        running.until("its words are told", lambda: _says(running, "ConsumerAvailable", trouble.says))
        assert str(running.consumer) in message
        assert running.status()["replicas"]["summary"] == "0/1"
    finally:
        running.world.nodes.decide(running.name, "consumer", READY)
    running.until_condition("ConsumerAvailable", "True", "Available")
    running.until_ready()


def _says(place: Place, condition: str, words: tuple[str, ...]) -> bool:
    message = place.condition(condition)["message"]
    return all(word in message for word in words)


def test_a_version_that_does_not_start_is_told_while_the_one_before_goes_on(world: World) -> None:
    place = world.place("rolling").apply().until_ready()
    (old,) = _pods(place)
    world.nodes.decide_pod(old, READY)
    world.nodes.decide("rolling", "consumer", waiting("ErrImagePull", "no such tag"))
    place.apply(consumer={"batch": {"rows": 7}})
    message = place.until_condition("ConsumerAvailable", "True", "Rolling")
    place.until("the new pod complains", lambda: _says(place, "ConsumerAvailable", ("no such tag",)))
    assert "1 of 1 pods ready" in message
    assert place.status()["phase"] == "Degraded"


def _pods(place: Place) -> list[str]:
    return [
        raw["metadata"]["uid"]
        for raw in place.items(objects.POD)
        if raw["metadata"]["labels"][COMPONENT_LABEL] == "consumer"
    ]


# dbt


def run_of(place: Place, component: str = "transform") -> Ref:
    """What the CronJob makes when it is due."""
    cron = place.there(place.ref(objects.CRON_JOB, component))
    name = f"{place.name}-{component}-{uuid.uuid4().hex[:8]}"
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "controller": True}
    owner |= {"name": cron["metadata"]["name"], "uid": cron["metadata"]["uid"]}
    template = cron["spec"]["jobTemplate"]
    metadata = {**template["metadata"], "name": name, "ownerReferences": [owner]}
    place.call(
        "POST",
        objects.JOB.path(place.namespace),
        {"metadata": metadata, "spec": {**template["spec"], "backoffLimit": 0}},
    )
    return Ref(objects.JOB, place.namespace, name)


def last_good(place: Place, seconds_ago: float, component: str = "transform") -> None:
    """What the CronJob says of its last good run."""
    place.tell(place.ref(objects.CRON_JOB, component), lastSuccessfulTime=text_of(time.time() - seconds_ago))


YEARS = 3 * 366 * 86_400.0
SCHEDULES: list[tuple[str, str, str, str, str, Callable[[Place], None] | None]] = [
    ("never-ran", NEVER, "Unknown", "NeverRan", "has not run yet", None),
    ("fresh", NEVER, "True", "Fresh", "its last good run ended", lambda place: last_good(place, 60)),
    ("stale", NEVER, "False", "Stale", "two more were due", lambda place: last_good(place, YEARS)),
    ("refused", "61 * * * *", "False", "InvalidSchedule", "spec.transform", None),
    ("never-comes", "0 0 31 2 *", "False", "InvalidSchedule", "never comes", None),
]


@pytest.mark.parametrize(
    ("name", "schedule", "status", "reason", "says", "then"), SCHEDULES, ids=[row[0] for row in SCHEDULES]
)
def test_how_fresh_the_marts_are_is_told(
    world: World, name: str, schedule: str, status: str, reason: str, says: str, then: Callable[[Place], None] | None
) -> None:
    place = world.place(name).apply(transform={"schedule": schedule})
    place.until_condition("ConsumerAvailable", "True", "Available", "ready")
    if then:
        then(place)
    assert says in place.until_condition("TransformFresh", status, reason)
    if status == "False":
        place.until_condition("Ready", "False", reason)
        assert place.status()["phase"] == "Degraded"
    else:
        place.until_ready()


def test_a_refused_schedule_is_mended_by_applying_a_good_one(world: World) -> None:
    place = world.place("mended").apply(transform={"schedule": "61 * * * *"})
    place.until_condition("TransformFresh", "False", "InvalidSchedule", "ready")
    place.apply(transform={"schedule": NEVER})
    place.until_condition("TransformFresh", "Unknown", "NeverRan")
    place.until_ready()


def test_a_run_of_dbt_that_failed_is_told_until_one_is_good(running: Place) -> None:
    running.until_ready()
    running.world.nodes.decide(running.name, "transform", failed(1, "model fct_sessions: division by zero"))
    job = run_of(running)
    message = running.until_condition("TransformFresh", "False", "RunFailed")
    assert "division by zero" in message
    assert f"Pod {job.name}-" in message
    told = running.until("the status tells it too", lambda: running.status().get("transform"))
    assert "division by zero" in told["message"]
    running.world.nodes.decide(running.name, "transform", SUCCEEDED)
    last_good(running, -1)
    running.until_condition("TransformFresh", "True", "Fresh")
    running.until_ready()


# The upkeep of the database


def test_an_upkeep_that_failed_is_told_until_a_run_is_good_and_the_pipeline_stays_ready(running: Place) -> None:
    running.until_ready()
    running.world.nodes.decide(running.name, "maintain", failed(STOPPED, "must be owner of table events"))
    job = run_of(running, "maintain")
    message = running.until_condition("DatabaseMaintained", "False", "RunFailed")
    assert "must be owner of table events" in message
    assert f"Pod {job.name}-" in message
    told = running.until("the status tells it too", lambda: running.status().get("maintenance"))
    assert "must be owner of table events" in told["message"]
    assert running.condition("Ready")["status"] == "True"
    assert running.status()["phase"] == "Degraded"
    running.world.nodes.decide(running.name, "maintain", SUCCEEDED)
    last_good(running, -1, "maintain")
    running.until_condition("DatabaseMaintained", "True", "Maintained")
    running.until("the phase follows", lambda: running.status()["phase"] == "Ready")
    assert "message" not in running.status()["maintenance"]
