"""What somebody changes or deletes is set back, child by child, and what others add to a child stays theirs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from world import APPLY, Place, Raw, World

from pulse_operator import objects
from pulse_operator.objects import Kind, Ref

OTHER: Raw = {"metadata": {"labels": {"app.kubernetes.io/component": "other"}}}


@dataclass(frozen=True)
class Drift:
    """A child, and what somebody changes about it."""

    kind: Kind
    suffix: str
    change: Raw

    def __str__(self) -> str:
        return f"{self.kind.name} {self.suffix}"


def _spec(**fields: Any) -> Raw:
    return {"spec": fields}


DRIFTS = [
    Drift(objects.KAFKA_TOPIC, "events", _spec(config={"message.timestamp.type": "CreateTime"})),
    Drift(objects.KAFKA_TOPIC, "dlq", _spec(partitions=2)),
    Drift(objects.KAFKA_USER, "consumer", _spec(authorization={"type": "simple", "acls": []})),
    Drift(objects.DATABASE, "", _spec(owner="somebody")),
    Drift(objects.DATABASE_ROLE, "ingest", _spec(login=False)),
    Drift(objects.SECRET, "db-reader", {"metadata": {"labels": {"cnpg.io/reload": "false"}}}),
    Drift(objects.SECRET, "consumer-env", {"data": {"PULSE_DATABASE_DSN": "c29tZXRoaW5n"}}),
    Drift(objects.JOB, "migrate", _spec(backoffLimit=1)),
    Drift(objects.NETWORK_POLICY, "consumer", _spec(ingress=[{}])),
    Drift(objects.SERVICE, "consumer", _spec(publishNotReadyAddresses=False)),
    Drift(objects.DISRUPTION_BUDGET, "consumer", _spec(maxUnavailable=2)),
    Drift(objects.POD_MONITOR, "consumer", _spec(podMetricsEndpoints=[])),
    Drift(objects.DEPLOYMENT, "consumer", _spec(replicas=3)),
    Drift(objects.DEPLOYMENT, "simulator", _spec(replicas=0)),
    Drift(objects.CRON_JOB, "transform", _spec(schedule="0 0 1 1 *")),
    Drift(objects.CRON_JOB, "refresh", _spec(suspend=True)),
]


@pytest.fixture(scope="module")
def whole(world: World) -> Place:
    """A pipeline with everything switched on. Each test touches one child of it."""
    place = world.place("drift", login="scram-sha-512")
    place.apply(simulator={"enabled": True}, transform={"fullRefreshSchedule": "0 3 * * 0"})
    place.until_condition("ConsumerAvailable", "True", "Available", "ready")
    return place


def child(place: Place, drift: Drift) -> Ref:
    job = place.migration if drift.kind is objects.JOB else None
    return job or place.ref(drift.kind, drift.suffix)


def holds(wanted: Any, live: Any) -> bool:
    """Whether the live object has the fields as they were changed."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(holds(value, live.get(name)) for name, value in wanted.items())
    return bool(wanted == live)


def corrections(place: Place, ref: Ref) -> int:
    return sum(str(ref) in raw["message"] for raw in place.events("DriftCorrected"))


@pytest.mark.parametrize("drift", DRIFTS, ids=str)
def test_a_changed_child_is_set_back_and_an_event_says_so(whole: Place, drift: Drift) -> None:
    ref = child(whole, drift)
    before, told = whole.there(ref), corrections(whole, ref)
    changed = whole.change(ref, drift.change)
    assert changed["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"], "nothing was changed"
    kept, fields = before.get("spec", {}), drift.change.get("spec", {})

    def set_back(raw: Raw) -> bool:
        now = raw.get("spec", {})
        return not holds(drift.change, raw) and all(now.get(name) == kept.get(name) for name in fields)

    found = whole.until_there(ref, set_back)
    assert found["metadata"]["uid"] == before["metadata"]["uid"], "it was made anew instead of set back"
    whole.until(f"an event tells of {ref}", lambda: corrections(whole, ref) > told, "event")


@pytest.mark.parametrize("drift", DRIFTS, ids=str)
def test_a_deleted_child_is_made_again(whole: Place, drift: Drift) -> None:
    ref = child(whole, drift)
    before = whole.there(ref)
    whole.remove(ref)
    made = whole.until_there(ref, lambda raw: raw["metadata"]["uid"] != before["metadata"]["uid"])
    assert not made["metadata"].get("deletionTimestamp")
    assert made["metadata"]["labels"] == before["metadata"]["labels"]


def test_the_consumer_runs_on_while_a_deleted_migration_runs_again(whole: Place) -> None:
    consumer, job = whole.there(whole.consumer), whole.migration
    assert job is not None
    uid = whole.there(job)["metadata"]["uid"]
    whole.remove(job)
    whole.until_there(job, lambda raw: raw["metadata"]["uid"] != uid and raw["status"].get("succeeded") == 1)
    whole.until_condition("SchemaMigrated", "True", "Migrated")
    now = whole.there(whole.consumer)
    assert (now["metadata"]["uid"], now["spec"]) == (consumer["metadata"]["uid"], consumer["spec"])


def test_what_others_add_to_a_child_stays(whole: Place) -> None:
    """An annotation and a variable of another manager; both outlive a correction of the same object."""
    ref, mark = whole.consumer, uuid.uuid4().hex
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "annotations": {"example.org/mark": mark}},
        "spec": {
            "template": {"spec": {"containers": [{"name": "consumer", "env": [{"name": "HTTP_PROXY", "value": mark}]}]}}
        },
    }
    whole.call("PATCH", f"{ref.path}?fieldManager=proxy-injector", theirs, APPLY)
    told = corrections(whole, ref)
    whole.change(ref, _spec(minReadySeconds=77))
    found = whole.until_there(ref, lambda raw: raw["spec"].get("minReadySeconds") == 10)
    assert found["metadata"]["annotations"]["example.org/mark"] == mark
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert {"name": "HTTP_PROXY", "value": mark} in container["env"]
    whole.until("the correction is told", lambda: corrections(whole, ref) > told, "event")
    version = whole.there(ref)["metadata"]["generation"]
    whole.stays("nobody fights over it", lambda: whole.there(ref)["metadata"]["generation"] == version)
    nothing = {**theirs, "metadata": {"name": ref.name}, "spec": {}}
    whole.call("PATCH", f"{ref.path}?fieldManager=proxy-injector", nothing, APPLY)
