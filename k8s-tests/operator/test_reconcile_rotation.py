"""New passwords and certificates: they reach exactly those pods that use them, and nothing else is written."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest
from world import Place, Raw, World

from pulse_operator import objects
from pulse_operator.objects import COMPONENT_LABEL, Ref
from pulse_operator.render.environment import CREDENTIALS_ANNOTATION

EVERYTHING: Raw = {"simulator": {"enabled": True}, "transform": {"fullRefreshSchedule": "0 3 * * 0"}}
CONSUMER = frozenset({"Secret {}-consumer-env", "Deployment {}-consumer"})
SIMULATOR = frozenset({"Secret {}-simulator-env", "Deployment {}-simulator"})
OWNER, TRANSFORM = (
    frozenset({"Secret {}-migrate-env", "Secret {}-maintain-env"}),
    frozenset({"Secret {}-transform-env"}),
)


@dataclass(frozen=True)
class Rotation:
    """A Secret that somebody renews, and what has to follow. In names {} is the pipeline's."""

    login: str
    secret: str
    key: str
    follow: frozenset[str]

    def __str__(self) -> str:
        return f"{self.login} {self.secret} {self.key}"


# Where a Secret of a role is changed, it is itself a child of the pipeline.
ROTATIONS = [
    Rotation("scram-sha-512", "{}-consumer", "password", CONSUMER),
    Rotation("scram-sha-512", "{}-producer", "password", SIMULATOR),
    Rotation("scram-sha-512", "{}-lag", "password", frozenset()),
    Rotation("scram-sha-512", "{}-db-ingest", "password", CONSUMER | {"Secret {}-db-ingest"}),
    Rotation("scram-sha-512", "{}-db-transform", "password", TRANSFORM | {"Secret {}-db-transform"}),
    Rotation("scram-sha-512", "{}-db-owner", "password", OWNER | {"Secret {}-db-owner"}),
    Rotation("scram-sha-512", "postgres-ca", "ca.crt", CONSUMER | OWNER | TRANSFORM),
    Rotation("tls", "{}-consumer", "user.crt", CONSUMER),
    Rotation("tls", "{}-producer", "user.key", SIMULATOR),
    Rotation("tls", "kafka-cluster-ca-cert", "ca.crt", CONSUMER | SIMULATOR),
]


@pytest.fixture(scope="module")
def places(world: World) -> dict[str, Place]:
    """A pipeline for each way of logging in."""
    made = {
        "scram-sha-512": world.place("rotated", login="scram-sha-512").apply(**EVERYTHING),
        "tls": world.place("renewed", login="tls").apply(**EVERYTHING),
    }
    for place in made.values():
        place.until_condition("ConsumerAvailable", "True", "Available", "ready")
        place.until_there(place.ref(objects.DEPLOYMENT, "simulator"))
    return made


def written(raw: Raw) -> tuple[object, ...]:
    """All of a child but for what its own controller writes into its status."""
    metadata = raw["metadata"]
    return (
        metadata.get("generation"),
        metadata.get("labels"),
        metadata.get("annotations", {}).get("pulse.dev/hash"),
        raw.get("data"),
    )


def changed(place: Place, before: dict[str, Raw]) -> set[str]:
    now = place.children()
    assert now.keys() == before.keys()
    return {name for name, raw in now.items() if written(raw) != written(before[name])}


@pytest.mark.parametrize("rotation", ROTATIONS, ids=str)
def test_what_is_renewed_reaches_those_who_use_it_and_nobody_else(places: dict[str, Place], rotation: Rotation) -> None:
    place = places[rotation.login]
    place.until_condition("ConsumerAvailable", "True", "Available")
    wanted = {name.format(place.name) for name in rotation.follow}
    before = place.children()
    renewed = base64.b64encode(b"of today").decode()
    ref = Ref(objects.SECRET, place.namespace, rotation.secret.format(place.name))
    old = place.there(ref)["data"][rotation.key]
    place.change(ref, {"data": {rotation.key: renewed}})
    if wanted:
        place.until("all that use it follow", lambda: changed(place, before) == wanted)
    place.stays("nothing else follows", lambda: changed(place, before) == wanted)
    place.change(ref, {"data": {rotation.key: old}})
    place.until("the old one counts again", lambda: not _differs(place, before))


def _differs(place: Place, before: dict[str, Raw]) -> set[str]:
    now = place.children()
    return {name for name, raw in now.items() if raw.get("data") != before[name].get("data")}


def test_pods_are_replaced_when_their_password_is_another_one(places: dict[str, Place]) -> None:
    place = places["scram-sha-512"]
    place.until_condition("ConsumerAvailable", "True", "Available")
    before, pods = place.there(place.consumer), _pods(place)
    ref = Ref(objects.SECRET, place.namespace, f"{place.name}-consumer")
    place.change(ref, {"data": {"password": base64.b64encode(b"another").decode()}})
    place.until("every pod is another one", lambda: _pods(place) and not pods & _pods(place))
    after = place.there(place.consumer)
    assert _annotation(before) != _annotation(after)
    assert before["spec"]["template"]["spec"] == after["spec"]["template"]["spec"], (
        "the password is not in the template"
    )


def _pods(place: Place) -> set[str]:
    found = place.items(objects.POD)
    return {raw["metadata"]["uid"] for raw in found if raw["metadata"]["labels"].get(COMPONENT_LABEL) == "consumer"}


def _annotation(deployment: Raw) -> str:
    return str(deployment["spec"]["template"]["metadata"]["annotations"][CREDENTIALS_ANNOTATION])
