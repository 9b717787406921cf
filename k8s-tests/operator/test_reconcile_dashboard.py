"""Dashboards on a real API server: what is made of them, what is made once and kept, and what is told of them."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from nodes import READY, STARTING, SUCCEEDED, crashing, failed
from operator_process import operating
from supplied import external, keys, supply
from world import MERGE, Place, Raw, World

from pulse.cli import STOPPED
from pulse_operator import objects
from pulse_operator.objects import Ref
from pulse_operator.reconcile import RETRY_JOB_SECONDS
from pulse_operator.render.environment import CREDENTIALS_ANNOTATION
from pulse_operator.timestamps import text_of

HOST = {"host": "shop.example.com", "tlsSecret": "shop-tls"}
LIVE: Raw = {"live": {"enabled": True, "basePath": "/numbers", "ingress": HOST}}
METABASE: Raw = {"metabase": {"enabled": True, "ingress": {"host": "metabase.example.com"}}}
BOTH = {**LIVE, **METABASE}
SECRETS = ("dashboards", "metabase", "db-metabase")


@pytest.fixture(scope="module")
def start_again(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], None]]:
    """Ends the operator and starts another, which knows nothing of what the first did."""
    home: Path = tmp_path_factory.mktemp("another")
    with ExitStack() as others:

        def again() -> None:
            world.operator.stop()
            world.operator = others.enter_context(operating(world.server, home, ""))

        yield again


def until_shown(place: Place) -> str:
    return place.until_condition("DashboardReady", "True", "Available", "ready")


def secrets(place: Place) -> dict[str, dict[str, str]]:
    """What was made once, read."""
    found = {suffix: place.there(place.ref(objects.SECRET, suffix))["data"] for suffix in SECRETS}
    return {
        suffix: {key: base64.b64decode(value).decode() for key, value in data.items()} for suffix, data in found.items()
    }


def kept(place: Place) -> list[str]:
    """What nobody but the pipeline's deletion takes."""
    return sorted(
        name for name in place.children() if name.split()[0] in ("Database", "DatabaseRole") or "-db-" in name
    )


def provisionings(place: Place) -> list[Ref]:
    names = [raw["metadata"]["name"] for raw in place.items(objects.JOB)]
    return [Ref(objects.JOB, place.namespace, name) for name in names if "-provision-" in name]


def provisioning(place: Place) -> Ref:
    (found,) = provisionings(place)
    return found


def told(place: Place, deployment: str, variable: str) -> str:
    """What a container is told, out of its Secret if need be."""
    pod = place.there(place.ref(objects.DEPLOYMENT, deployment))["spec"]["template"]["spec"]
    (one,) = (one for one in pod["containers"][0]["env"] if one["name"] == variable)
    if "value" in one:
        return str(one["value"])
    where = one["valueFrom"]["secretKeyRef"]
    secret = place.there(Ref(objects.SECRET, place.namespace, where["name"]))
    return base64.b64decode(secret["data"][where["key"]]).decode()


def test_what_is_asked_for_is_there_and_told_and_then_nothing_is_written(world: World) -> None:
    place = world.place("shown").apply(dashboard=BOTH).until_ready()
    message = until_shown(place)
    for words in ("shown-dashboards has 1 of 1", "shown-metabase has 1 of 1", str(provisioning(place))):
        assert words in message
    assert place.status()["dashboard"] == {
        "live": {"url": "https://shop.example.com/numbers/", "secret": "shown-dashboards"},
        "metabase": {"url": "http://metabase.example.com", "secret": "shown-metabase"},
    }
    made = set(place.children())
    for suffix in ("dashboards", "metabase"):
        for kind in ("Deployment", "Service", "Ingress", "NetworkPolicy", "Secret"):
            assert f"{kind} shown-{suffix}" in made
    assert {"Database shown-metabase", "DatabaseRole shown-metabase", "Secret shown-db-metabase"} <= made
    place.until("Metabase is open", lambda: "opened" in secrets(place)["metabase"])
    before = place.versions()
    place.stays("nothing is written", lambda: place.versions() == before)


def test_the_page_asks_the_database_as_the_reader_and_through_the_pooler_that_is_named(world: World) -> None:
    sink = {"cloudNativePG": {"cluster": "postgres", "pooler": "readers"}}
    place = world.place("pooled").apply(dashboard=BOTH, sink=sink)
    until_shown(place)
    dsn = told(place, "dashboards", "PULSE_DATABASE_DSN")
    assert dsn.startswith("postgresql://pooled_reader:")
    assert f"@readers.{place.namespace}.svc:5432/pooled?sslmode=verify-ca&" in dsn
    assert told(place, "dashboards", "PULSE_DASHBOARD_TOKEN") == secrets(place)["dashboards"]["token"]
    store = told(place, "metabase", "MB_DB_CONNECTION_URI")
    assert store.startswith(f"jdbc:postgresql://postgres-rw.{place.namespace}.svc:5432/pooled_metabase?")
    assert told(place, "metabase", "MB_DB_PASS") == secrets(place)["db-metabase"]["password"]


def test_what_was_made_once_stays_through_passes_and_another_operator(
    world: World, start_again: Callable[[], None]
) -> None:
    place = world.place("once").apply(dashboard=BOTH)
    until_shown(place)
    place.until("Metabase is open", lambda: "opened" in secrets(place)["metabase"])
    before, job = secrets(place), provisioning(place)
    assert len(before["dashboards"]["token"]) >= 16
    assert {"email", "password", "encryption-key", "opened"} == set(before["metabase"])
    assert before["metabase"]["email"] == "pulse@example.com"
    change = {"live": {"enabled": True, "replicas": 2}, **METABASE}
    place.apply(dashboard=change)
    place.until_there(place.ref(objects.DEPLOYMENT, "dashboards"), lambda raw: raw["spec"]["replicas"] == 2)
    assert secrets(place) == before
    start_again()
    place.apply(dashboard={**change, "live": {"enabled": True, "replicas": 3}})
    place.until_there(place.ref(objects.DEPLOYMENT, "dashboards"), lambda raw: raw["spec"]["replicas"] == 3)
    assert secrets(place) == before
    assert provisioning(place) == job
    place.apply(dashboard={**change, "metabase": {"enabled": True, "adminEmail": "other@example.com"}})
    place.stays("the administrator is who it was", lambda: secrets(place) == before)


def test_another_token_counts_and_one_that_is_gone_is_made_again(world: World) -> None:
    place = world.place("renewed").apply(dashboard=LIVE)
    until_shown(place)
    page, secret = place.ref(objects.DEPLOYMENT, "dashboards"), place.ref(objects.SECRET, "dashboards")

    def token() -> str:
        return told(place, "dashboards", "PULSE_DASHBOARD_TOKEN")

    def mark() -> Any:
        return place.there(page)["spec"]["template"]["metadata"]["annotations"][CREDENTIALS_ANNOTATION]

    first = mark()
    place.change(secret, {"stringData": {"token": "a token that a person chose"}})
    place.until("the page has it", lambda: token() == "a token that a person chose")
    place.until("the pods are replaced", lambda: mark() != first)
    place.remove(secret)
    place.until_there(secret)
    # A pass that was under way may have made it with what it had read before.
    place.until("the page has it", lambda: {"token": token()} == secrets_of(place, secret))
    assert len(token()) >= 16


def test_nobody_gets_to_a_metabase_that_has_no_administrator(world: World) -> None:
    world.nodes.decide("closed", "provision", STARTING)
    place = world.place("closed").apply(dashboard=METABASE)
    place.until_condition("DashboardReady", "Unknown", "Provisioning", "ready")
    policy, ingress = place.ref(objects.NETWORK_POLICY, "metabase"), place.ref(objects.INGRESS, "metabase")
    assert len(place.there(policy)["spec"]["ingress"]) == 1
    assert place.read(ingress) is None
    place.until_ready()
    world.nodes.decide("closed", "provision", SUCCEEDED)
    until_shown(place)
    place.until_there(policy, lambda raw: len(raw["spec"]["ingress"]) == 2)
    place.until_there(ingress)
    # Other dashboards are put in while people work there.
    world.nodes.decide("closed", "provision", STARTING)
    job = provisioning(place)
    place.apply(dashboard={"metabase": {**METABASE["metabase"], "edited": "overwrite"}})
    place.until_gone(job)
    place.until("another provisioning runs", lambda: provisionings(place))
    place.until_condition("DashboardReady", "Unknown", "Provisioning")
    place.stays("it stays open", lambda: len(place.there(policy)["spec"]["ingress"]) == 2 and bool(place.read(ingress)))


def test_dashboards_that_are_switched_off_are_gone_and_what_people_made_in_metabase_is_not(world: World) -> None:
    place = world.place("off").apply(dashboard=BOTH)
    until_shown(place)
    before, data = secrets(place), kept(place)
    place.apply(dashboard={})
    place.until_condition("DashboardReady", "True", "NotEnabled")
    for suffix in ("dashboards", "metabase"):
        for kind in (objects.DEPLOYMENT, objects.SERVICE, objects.INGRESS, objects.NETWORK_POLICY):
            place.until_gone(place.ref(kind, suffix))
    place.until_gone(place.ref(objects.SECRET, "dashboards"))
    place.until("no Job is left", lambda: not any("-provision-" in name for name in place.children()))
    assert kept(place) == data
    assert "dashboard" not in place.status()
    place.apply(dashboard=METABASE)
    until_shown(place)
    again = {suffix: place.there(place.ref(objects.SECRET, suffix))["data"] for suffix in ("metabase", "db-metabase")}
    for suffix, found in again.items():
        now = {key: base64.b64decode(value).decode() for key, value in found.items()}
        assert before[suffix].items() <= now.items()


@pytest.mark.parametrize(("name", "policy"), [("left", "Retain"), ("taken", "Delete")])
def test_the_database_of_metabase_goes_with_its_pipeline_if_that_says_so(world: World, name: str, policy: str) -> None:
    place = world.place(name).apply(dashboard=METABASE, deletionPolicy=policy)
    until_shown(place)
    place.apply(dashboard={}, deletionPolicy=policy)
    place.until_condition("DashboardReady", "True", "NotEnabled")
    role, database = place.ref(objects.DATABASE_ROLE, "metabase"), place.ref(objects.DATABASE, "metabase")
    wanted = {"Retain": "retain", "Delete": "delete"}[policy]
    assert place.there(database)["spec"]["databaseReclaimPolicy"] == wanted
    assert place.there(role)["spec"]["databaseRoleReclaimPolicy"] == wanted
    place.remove(place.pipeline)
    place.until_gone(place.pipeline)
    secret = place.ref(objects.SECRET, "metabase")
    assert [place.read(ref) is None for ref in (database, role, secret)] == [policy == "Delete"] * 3


def test_no_new_key_is_made_for_a_metabase_that_has_begun_with_another(world: World) -> None:
    place = world.place("lost").apply(dashboard=METABASE)
    until_shown(place)
    secret, metabase = place.ref(objects.SECRET, "metabase"), place.ref(objects.DEPLOYMENT, "metabase")
    place.until("Metabase is open", lambda: "opened" in secrets_of(place, secret))
    stored = place.there(secret)
    left = [metabase, *(place.ref(kind, "metabase") for kind in (objects.NETWORK_POLICY, objects.INGRESS))]
    before = [place.there(ref)["metadata"]["resourceVersion"] for ref in left]
    place.remove(secret)
    message = place.until_condition("DashboardReady", "False", "KeysLost")
    assert str(secret) in message
    place.stays("no other is made", lambda: place.read(secret) is None)
    assert [place.there(ref)["metadata"]["resourceVersion"] for ref in left] == before
    assert place.condition("Ready")["status"] == "True"
    assert place.status()["phase"] == "Degraded"
    back = {"metadata": {"name": secret.name, "labels": stored["metadata"]["labels"]}, "data": stored["data"]}
    place.call("POST", secret.folder, back)
    until_shown(place)
    assert place.there(secret)["data"] == stored["data"]


def secrets_of(place: Place, ref: Ref) -> dict[str, str]:
    data = (place.read(ref) or {}).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_a_provisioning_that_failed_is_told_in_the_words_of_its_pod_and_tried_again(world: World) -> None:
    world.nodes.decide("refused", "provision", failed(STOPPED, "Metabase does not let pulse@example.com in."))
    place = world.place("refused").apply(dashboard=METABASE)
    message = place.until_condition("DashboardReady", "False", "ProvisioningFailed", "ready")
    assert "does not let pulse@example.com in" in message
    place.until_ready()
    job = provisioning(place)
    world.nodes.decide("refused", "provision", SUCCEEDED)
    status, uid = place.there(job)["status"], place.there(job)["metadata"]["uid"]
    for one in status["conditions"]:
        one["lastTransitionTime"] = text_of(time.time() - RETRY_JOB_SECONDS - 1)
    place.call("PATCH", f"{job.path}/status", {"status": status}, MERGE)
    until_shown(place)
    assert place.there(job)["metadata"]["uid"] != uid


def test_a_page_that_does_not_run_is_told_and_the_pipeline_is_ready_all_the_same(world: World) -> None:
    place = world.place("down").apply(dashboard=LIVE).until_ready()
    until_shown(place)
    world.nodes.decide("down", "dashboards", crashing(3, "PULSE_DASHBOARD_TOKEN has 3 characters."))
    message = place.until_condition("DashboardReady", "False", "Unavailable")
    assert "PULSE_DASHBOARD_TOKEN has 3 characters" in message
    assert place.condition("Ready")["status"] == "True"
    world.nodes.decide("down", "dashboards", READY)
    until_shown(place)


def test_a_database_that_is_not_made_for_metabase_is_told(world: World) -> None:
    world.stand_in.refuse["databases/unmade-metabase"] = {"applied": False, "message": "no room"}
    place = world.place("unmade").apply(dashboard=METABASE).until_ready()
    assert "no room" in place.until_condition("DashboardReady", "False", "NotApplied")
    assert place.read(place.ref(objects.DEPLOYMENT, "metabase")) is None
    del world.stand_in.refuse["databases/unmade-metabase"]
    until_shown(place)


def test_an_external_database_needs_one_for_metabase_and_its_absence_is_told_by_its_name(world: World) -> None:
    place = world.place("outside")
    supply(place)
    place.apply({**external(place), "dashboard": METABASE})
    assert "metabase-dsn" in place.until_condition("DashboardReady", "False", "SecretKeyMissing", "ready")
    supply(place, values=keys(**{"metabase-dsn": "postgresql://metabase:x@db.example.org/shop"}))
    assert "one of its own" in place.until_condition("DashboardReady", "False", "ConnectionStringInvalid")
    assert place.read(place.ref(objects.DEPLOYMENT, "metabase")) is None
    supply(place, values=keys(**{"metabase-dsn": "postgresql://metabase:x@db.example.org:6432/metabase"}))
    until_shown(place)
    assert told(place, "metabase", "MB_DB_CONNECTION_URI") == "jdbc:postgresql://db.example.org:6432/metabase"
    assert not kept(place)


def test_a_suspended_pipeline_goes_on_to_show_its_numbers(world: World) -> None:
    place = world.place("asleep").apply(dashboard=BOTH)
    until_shown(place)
    place.apply(dashboard=BOTH, suspend=True)
    place.until_there(place.consumer, lambda raw: raw["spec"]["replicas"] == 0)
    until_shown(place)
    for suffix in ("dashboards", "metabase"):
        assert place.there(place.ref(objects.DEPLOYMENT, suffix))["spec"]["replicas"] == 1


def test_an_ingress_that_somebody_changed_is_set_back(world: World) -> None:
    place = world.place("bent").apply(dashboard=LIVE)
    until_shown(place)
    ingress = place.ref(objects.INGRESS, "dashboards")
    rules = place.there(ingress)["spec"]["rules"]
    place.change(ingress, {"spec": {"rules": [{**rules[0], "host": "elsewhere.example.com"}]}})
    place.until_there(ingress, lambda raw: raw["spec"]["rules"][0]["host"] == "shop.example.com")
