"""Every condition about what a pipeline stands on, broken from the outside while it runs and mended again.

Each case breaks one thing on a pipeline that works, and the condition has to say so; then it is mended, and the
condition has to hold again. Cases leave the pipeline as they found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from stand_in import READY
from world import Place, World

from pulse_operator import objects
from pulse_operator.objects import Ref

Break = Callable[[Place], AbstractContextManager[None]]
NOT_READY = {"type": "NotReady", "status": "True", "reason": "ForbiddenConfig", "message": "Not that one."}
CREATING = {**NOT_READY, "reason": "Creating", "message": "Waiting for pods."}
PAUSED = {"type": "ReconciliationPaused", "status": "True"}


@dataclass(frozen=True)
class Case:
    """What breaks, and what the condition then says."""

    name: str
    breaks: Break
    condition: str
    status: str
    reason: str
    says: tuple[str, ...] = ()
    login: bool = False  # on a Kafka whose listener wants a login

    def __str__(self) -> str:
        return self.name


def strimzi_says(*conditions: dict[str, Any], **parts: Any) -> Break:
    """Something about the Kafka."""

    @contextmanager
    def broken(place: Place) -> Iterator[None]:
        before = place.there(place.kafka)["status"]
        place.kafka_is(*conditions, **parts)
        try:
            yield
        finally:
            place.kafka_is(**{name: before[name] for name in parts})

    return broken


def kafka_with(change: dict[str, Any], back: dict[str, Any]) -> Break:
    """Another spec of the Kafka, which Strimzi acts on at once."""

    @contextmanager
    def broken(place: Place) -> Iterator[None]:
        place.change(place.kafka, {"spec": change})
        place.kafka_is()
        try:
            yield
        finally:
            place.change(place.kafka, {"spec": back})
            place.kafka_is()

    return broken


def cloud_native_pg_says(**parts: Any) -> Break:
    """Something about the Cluster."""

    @contextmanager
    def broken(place: Place) -> Iterator[None]:
        before = place.there(place.cluster)["status"]
        place.tell(place.cluster, **parts)
        try:
            yield
        finally:
            place.tell(place.cluster, **{name: before[name] for name in parts})

    return broken


def annotated(kind: str, annotation: str, value: str) -> Break:
    """An annotation on the Cluster or the Kafka."""

    @contextmanager
    def broken(place: Place) -> Iterator[None]:
        ref = place.cluster if kind == "cluster" else place.kafka
        place.change(ref, {"metadata": {"annotations": {annotation: value}}})
        try:
            yield
        finally:
            place.change(ref, {"metadata": {"annotations": {annotation: None}}})

    return broken


def refused(plural: str, suffix: str, **told: Any) -> Break:
    """The operator of a child cannot make it so."""

    @contextmanager
    def broken(place: Place) -> Iterator[None]:
        refusals = place.world.stand_in.refuse
        key = f"{plural}/{place.name}{suffix}"
        refusals[key] = told
        try:
            yield
        finally:
            del refusals[key]

    return broken


def without(which: Callable[[Place], Ref]) -> Break:
    """An object that is not ours is deleted, and comes back."""

    @contextmanager
    def broken(place: Place) -> Iterator[None]:
        ref = which(place)
        before = place.there(ref)
        place.remove(ref)
        try:
            yield
        finally:
            kept = {name: value for name, value in before.items() if name != "metadata"}
            marks = {name: before["metadata"].get(name) for name in ("name", "namespace", "labels")}
            place.call("POST", ref.folder, {**kept, "metadata": marks})
            if "status" in before:
                place.tell(
                    ref, **{name: value for name, value in before["status"].items() if name != "observedGeneration"}
                )

    return broken


def lacking(which: Callable[[Place], Ref], key: str) -> Break:
    """A Secret without one of its keys."""

    @contextmanager
    def broken(place: Place) -> Iterator[None]:
        ref = which(place)
        value = place.there(ref)["data"][key]
        place.change(ref, {"data": {key: None}})
        try:
            yield
        finally:
            place.change(ref, {"data": {key: value}})

    return broken


def secret(name: str) -> Callable[[Place], Ref]:
    """A Secret by its name, in which {} is the pipeline's."""
    return lambda place: Ref(objects.SECRET, place.namespace, name.format(place.name))


def topic_refused(reason: str, message: str) -> Break:
    told = {"type": "Ready", "status": "False", "reason": reason, "message": message}
    return refused("kafkatopics", "-events", conditions=[told], topicName="x")


def listener(name: str) -> dict[str, Any]:
    return {"kafka": {"listeners": [{"name": name, "port": 9093, "type": "internal", "tls": False}]}}


OPERATORS: dict[str, Any] = {"topicOperator": {}, "userOperator": {}}
CASES = [
    Case(
        "kafka: not ready", strimzi_says(NOT_READY), "KafkaReady", "False", "NotReady", ("ForbiddenConfig", "Not that")
    ),
    Case("kafka: creating", strimzi_says(CREATING), "KafkaReady", "False", "Creating", ("Wait for its pods",)),
    Case(
        "kafka: paused", strimzi_says(READY, PAUSED), "KafkaReady", "Unknown", "ReconciliationPaused", ("annotation",)
    ),
    Case(
        "kafka: wrong listener",
        kafka_with(listener("other"), listener("tls")),
        *(
            "KafkaReady",
            "False",
            "ListenerMissing",
            ("no listener tls", "it has other", "spec.source.strimzi.listener"),
        ),
    ),
    Case(
        "kafka: listener without an address",
        strimzi_says(listeners=[{"name": "tls"}]),
        *("KafkaReady", "False", "ListenerPending", ("bootstrapServers",)),
    ),
    Case(
        "kafka: no user operator",
        kafka_with({"entityOperator": {"userOperator": None}}, {"entityOperator": OPERATORS}),
        *("KafkaReady", "False", "EntityOperatorMissing", ("lacks userOperator",)),
    ),
    Case(
        "kafka: no authorization",
        kafka_with({"kafka": {"authorization": None}}, {"kafka": {"authorization": {"type": "simple"}}}),
        *("KafkaReady", "False", "AuthorizationMissing", ("Set it to simple",), True),
    ),
    Case("kafka: deleted", without(lambda p: p.kafka), "KafkaReady", "False", "NotFound", ("does not exist",)),
    Case(
        "topics: owned by another KafkaTopic",
        topic_refused("ResourceConflict", "Managed by Ref{name='older'}"),
        *("TopicsReady", "False", "TopicOwnedByOther", ("older", "rename the pipeline")),
    ),
    Case(
        "topics: a change that Kafka cannot make",
        topic_refused("NotSupported", "Decreasing partitions not supported"),
        *("TopicsReady", "False", "ChangeNotSupported", ("Decreasing",)),
    ),
    Case(
        "topics: not managed",
        refused("kafkatopics", "-dlq", conditions=[READY, {"type": "Unmanaged", "status": "True"}]),
        *("TopicsReady", "Unknown", "Unmanaged", ("-dlq",)),
    ),
    Case(
        "users: not ready",
        refused("kafkausers", "-consumer", conditions=[NOT_READY]),
        *("CredentialsReady", "False", "NotReady", ("-consumer", "Not that"), True),
    ),
    Case(
        "users: no credentials named",
        refused("kafkausers", "-lag", conditions=[READY]),
        *("CredentialsReady", "False", "CredentialsNotNamed", ("-lag",), True),
    ),
    Case(
        "users: Secret missing",
        without(secret("{}-producer")),
        *("CredentialsReady", "False", "SecretMissing", ("-producer does not exist",), True),
    ),
    Case(
        "users: key missing",
        lacking(secret("{}-consumer"), "password"),
        *("CredentialsReady", "False", "SecretKeyMissing", ("-consumer", "key password"), True),
    ),
    Case(
        "roles: refused",
        refused("databaseroles", "-ingest", applied=False, message="role is reserved"),
        *("CredentialsReady", "False", "NotApplied", ("-ingest", "role is reserved")),
    ),
    Case(
        "roles: the server's CA is missing",
        without(secret("postgres-ca")),
        *("CredentialsReady", "False", "SecretMissing", ("postgres-ca",)),
    ),
    Case(
        "roles: the server's CA has no certificate",
        lacking(secret("postgres-ca"), "ca.crt"),
        *("CredentialsReady", "False", "SecretKeyMissing", ("ca.crt",)),
    ),
    Case(
        "cluster: told to hibernate",
        annotated("cluster", "cnpg.io/hibernation", "on"),
        *("DatabaseReady", "False", "Hibernated", ("cnpg.io/hibernation",)),
    ),
    Case(
        "cluster: failing over",
        cloud_native_pg_says(targetPrimary="postgres-2"),
        *("DatabaseReady", "False", "SwitchingPrimary", ("postgres-1", "postgres-2")),
    ),
    Case(
        "cluster: its only instance is down",
        cloud_native_pg_says(readyInstances=0),
        *("DatabaseReady", "False", "NoReadyInstance", ("postgres-1",)),
    ),
    Case(
        "cluster: not in full health",
        cloud_native_pg_says(instances=2, readyInstances=2),
        *("DatabaseReady", "True", "Degraded", ("readyInstances is 2",)),
    ),
    Case("cluster: deleted", without(lambda p: p.cluster), "DatabaseReady", "False", "NotFound", ("does not exist",)),
    Case(
        "database: not applied",
        refused("databases", "", applied=False, message="owner does not exist"),
        *("DatabaseReady", "False", "NotApplied", ("owner does not exist",)),
    ),
]


@pytest.fixture(scope="module")
def plain(world: World) -> Place:
    """A pipeline that is Ready."""
    return world.place("conditions").apply()


@pytest.fixture(scope="module")
def locked(world: World) -> Place:
    """A pipeline on a Kafka that wants a login."""
    return world.place("locked", login="scram-sha-512").apply()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_condition_says_what_is_wrong_and_holds_again_once_it_is_mended(
    plain: Place, locked: Place, case: Case
) -> None:
    place = locked if case.login else plain
    place.until("the pipeline works", lambda: _works(place), "ready")
    with case.breaks(place):
        message = place.until_condition(case.condition, case.status, case.reason)
        assert [words for words in case.says if words not in message] == [], message
        ready = place.condition("Ready")
        if case.status != "True":
            assert (ready["status"], ready["reason"]) == (case.status, case.reason)
            assert ready["message"] == f"{case.condition}: {message}"
    place.until("it works again", lambda: _works(place))


@pytest.mark.parametrize("case", [case for case in CASES if case.status == "False"][:1], ids=str)
def test_an_event_tells_when_a_condition_ceases_to_hold_and_when_it_holds_again(plain: Place, case: Case) -> None:
    plain.until("the pipeline works", lambda: _works(plain), "ready")
    before = {raw["metadata"]["uid"] for raw in plain.events()}

    def news(reason: str, kind: str) -> bool:
        return any(
            raw["metadata"]["uid"] not in before and (raw["reason"], raw["type"]) == (reason, kind)
            for raw in plain.events()
        )

    with case.breaks(plain):
        plain.until("a warning tells", lambda: news(case.reason, "Warning"), "event")
    plain.until("an event tells that it is well", lambda: news("Ready", "Normal"), "event")


@pytest.mark.parametrize("name", ["KafkaReady", "DatabaseReady"])
def test_what_runs_goes_on_while_something_that_it_stands_on_is_away(plain: Place, name: str) -> None:
    plain.until("the pipeline works", lambda: _works(plain), "ready")
    before = {ref: raw["metadata"]["resourceVersion"] for ref, raw in _workloads(plain).items()}
    ref = plain.kafka if name == "KafkaReady" else plain.cluster
    with without(lambda _: ref)(plain):
        plain.until_condition(name, "False", "NotFound")
        plain.stays("nothing is changed about it", lambda: before == _versions(plain))
    plain.until("it works again", lambda: _works(plain))


def _workloads(place: Place) -> dict[str, Any]:
    return {name: raw for name, raw in place.children().items() if name.startswith(("Deployment", "CronJob", "Job"))}


def _versions(place: Place) -> dict[str, str]:
    return {name: raw["metadata"]["resourceVersion"] for name, raw in _workloads(place).items()}


def _works(place: Place) -> bool:
    """Whether all that the cases break holds, with nothing more to say."""
    wanted = ("KafkaReady", "TopicsReady", "CredentialsReady", "DatabaseReady")
    told = [place.condition(name) for name in wanted]
    consuming = place.condition("ConsumerAvailable")
    return all((one.get("status"), one.get("reason")) == ("True", "Ready") for one in told) and (
        consuming.get("reason") == "Available"
    )
