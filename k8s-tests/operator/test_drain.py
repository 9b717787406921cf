"""Before an uninstall: consumers stop after their last commit, pipelines are let go, and what holds data stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiserver import ApiServer
from crew import Crew, Hired, assembled
from gate import Said
from world import Place

from pulse.facts import ROLES
from pulse_operator import objects
from pulse_operator.objects import FINALIZER, Ref

pytestmark = pytest.mark.faults

NODE = "that-ends-no-pod"
BY_HAND = "tests.pulse.dev/held"
LASTING = (objects.KAFKA_TOPIC, objects.KAFKA_USER, objects.DATABASE, objects.DATABASE_ROLE)


@pytest.fixture(scope="module")
def crew(control_plane: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    home: Path = tmp_path_factory.mktemp("crew")
    with assembled(control_plane, home) as crew:
        yield crew


@pytest.fixture
def shop(crew: Crew) -> Place:
    collector = {"enabled": True, "ingress": {"host": "collect.example.com"}}
    return crew.place("shop").apply(simulator={"enabled": True}, collector=collector)


def lease(place: Place) -> str:
    return f"lease-of-{place.namespace}"


def operator(crew: Crew, place: Place) -> Hired:
    """One at work, until the consumers are."""
    hired = crew.hire([place.namespace], PULSE_OPERATOR_LEASE=lease(place), PULSE_LAG_INTERVAL="1h")
    place.until_condition("ConsumerAvailable", "True", "Available", "ready")
    place.until_there(place.ref(objects.DEPLOYMENT, "simulator"))
    place.until_there(place.ref(objects.AUTOSCALER, "collector"))
    return hired


def drain(crew: Crew, place: Place, timeout: str = "120s", **variables: str) -> Hired:
    """As the chart's hook runs it."""
    words = ("drain", "--timeout", timeout)
    return crew.hire([place.namespace], words=words, PULSE_OPERATOR_LEASE=lease(place), **variables)


def data(place: Place) -> dict[str, str]:
    """Name and uid of everything that outlives an installation."""
    found = [(kind, raw["metadata"]) for kind in LASTING for raw in place.items(kind)]
    found += [(objects.SECRET, place.there(place.ref(objects.SECRET, f"db-{role}"))["metadata"]) for role in ROLES]
    return {f"{kind.name} {metadata['name']}": metadata["uid"] for kind, metadata in found}


def workloads(place: Place) -> list[str]:
    kinds: tuple[str, ...] = ("Deployment", "CronJob", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy")
    kinds += ("PodMonitor", "Ingress", "HorizontalPodAutoscaler")
    return [name for name in place.children() if name.startswith(kinds)]


def finalizers(place: Place) -> list[str]:
    return list(place.there(place.pipeline)["metadata"].get("finalizers", ()))


def deployment(place: Place, name: str) -> Ref:
    """The operator's own, in the namespace `default`."""
    labels = {"of": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "operator", "image": "operator"}]}}
    body = {"metadata": {"name": name}, "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}}
    place.call("POST", objects.DEPLOYMENT.path("default"), body)
    return Ref(objects.DEPLOYMENT, "default", name)


def keep_pod(place: Place) -> Ref:
    """Puts a consumer on a node that never ends it."""
    found = [raw["metadata"] for raw in place.items(objects.POD)]
    (name,) = [one["name"] for one in found if one["labels"][objects.COMPONENT_LABEL] == "consumer"]
    status, answer = place.world.server.call("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
    assert status in (201, 409), answer
    ref = Ref(objects.POD, place.namespace, name)
    place.call("POST", f"{ref.path}/binding", {"metadata": {"name": name}, "target": {"kind": "Node", "name": NODE}})
    return ref


def sentence(hired: Hired) -> str:
    """The last line, which has to be the only one that is no JSON."""
    lines = hired.process.said().splitlines()
    plain = [line for line in lines if not line.startswith("{")]
    assert plain == lines[-1:], hired.process.said()
    return plain[0]


def test_everything_that_works_goes_and_everything_else_stays(crew: Crew, shop: Place) -> None:
    at_work = operator(crew, shop)
    before, own = data(shop), deployment(shop, f"operator-of-{shop.namespace}")
    hook = drain(crew, shop, PULSE_OPERATOR_DEPLOYMENT=own.name)
    shop.until_there(own, lambda raw: raw["spec"]["replicas"] == 0)
    assert at_work.stop() == 0  # as its Deployment tells it
    assert hook.process.wait(120) == 0, hook.process.said()
    shop.until("the workloads are gone", lambda: not workloads(shop))
    assert not finalizers(shop)
    assert data(shop) == before
    assert not shop.items(objects.POD)
    assert crew.lease(lease(shop))["holderIdentity"] == ""
    assert not crew.surprises()

    again = drain(crew, shop, PULSE_OPERATOR_DEPLOYMENT="that-is-gone-already")
    assert again.process.wait() == 0
    assert not [what for what in again.client.writes if "/deployments/that-is-gone" not in what]


def test_a_new_operator_goes_on_with_what_was_kept(crew: Crew, shop: Place) -> None:
    assert operator(crew, shop).stop() == 0
    before, passwords = data(shop), [shop.there(shop.ref(objects.SECRET, f"db-{role}"))["data"] for role in ROLES]
    children = shop.children().keys()
    assert drain(crew, shop).process.wait(120) == 0
    shop.until("the workloads are gone", lambda: not workloads(shop))
    new = operator(crew, shop)
    shop.until("everything is back", lambda: shop.children().keys() == children)
    assert finalizers(shop) == [FINALIZER]
    assert data(shop) == before
    assert [shop.there(shop.ref(objects.SECRET, f"db-{role}"))["data"] for role in ROLES] == passwords
    assert new.stop() == 0


@pytest.mark.parametrize("what", ["pipeline", "namespace"])
def test_afterwards_nothing_is_stuck(crew: Crew, shop: Place, what: str) -> None:
    assert operator(crew, shop).stop() == 0
    assert drain(crew, shop).process.wait(120) == 0
    if what == "pipeline":
        shop.remove(shop.pipeline)
        shop.until_gone(shop.pipeline)
        return
    path = f"/api/v1/namespaces/{shop.namespace}"
    shop.call("DELETE", path)
    shop.until("the namespace is gone", lambda: crew.server.call("GET", path)[0] == 404, "ready")


def test_pods_that_do_not_stop_in_time_are_told_by_the_exit_code_and_the_rest_is_done(crew: Crew, shop: Place) -> None:
    assert operator(crew, shop).stop() == 0
    pod = keep_pod(shop)
    hook = drain(crew, shop, "3s")
    assert hook.process.wait(120) == 1
    assert "drain_cut_short" in hook.process.said()
    assert pod.name in hook.process.said()
    shop.until("the workloads are gone", lambda: not workloads(shop))
    assert not finalizers(shop)
    crew.server.call("DELETE", pod.path, {"gracePeriodSeconds": 0})
    assert not crew.surprises()


def test_nothing_is_removed_before_the_pods_have_stopped(crew: Crew, shop: Place) -> None:
    assert operator(crew, shop).stop() == 0
    pod, before = keep_pod(shop), sorted(workloads(shop))
    hook = drain(crew, shop, "120s")
    shop.until_there(shop.consumer, lambda raw: raw["spec"]["replicas"] == 0)
    shop.until("it waits", lambda: "drain_waited" in hook.process.said())
    shop.stays("nothing is removed", lambda: sorted(workloads(shop)) == before and finalizers(shop) == [FINALIZER])
    crew.server.call("DELETE", pod.path, {"gracePeriodSeconds": 0})
    assert hook.process.wait(120) == 0
    shop.until("the workloads are gone", lambda: not workloads(shop))


def test_an_operator_that_stays_at_work_is_not_worked_against(crew: Crew, shop: Place) -> None:
    at_work = operator(crew, shop)
    hook = drain(crew, shop, "3s")
    assert hook.process.wait(120) == 1
    assert "was not free within 3 s, so nothing was drained" in sentence(hook)
    assert not hook.client.writes
    assert workloads(shop)
    assert at_work.stop() == 0


def test_an_api_server_that_stays_away_ends_it_with_a_sentence(crew: Crew, shop: Place) -> None:
    assert operator(crew, shop).stop() == 0
    hook = drain(crew, shop, "300s")

    hook.client.says = lambda _, path: Said(503, "ServiceUnavailable") if "/deployments" in path else None
    assert hook.process.wait(120) == 1
    assert sentence(hook).startswith("pulse-operator drain: Could not list Deployment")
    assert finalizers(shop) == [FINALIZER]


def test_missing_rights_end_it_with_a_sentence(crew: Crew, shop: Place) -> None:
    hook = drain(crew, shop, "300s")
    hook.client.says = lambda _, path: Said(403, "Forbidden") if "/leases" in path else None
    assert hook.process.wait(120) == 3
    assert "Give the operator's account the verb" in sentence(hook)


def test_a_finalizer_of_somebody_else_stays_also_where_it_comes_at_the_last_moment(crew: Crew, shop: Place) -> None:
    assert operator(crew, shop).stop() == 0
    added: list[Any] = []

    def meanwhile(method: str, path: str) -> Said | None:
        if method == "PATCH" and path.startswith(shop.pipeline.path) and not added:
            added.append(shop.change(shop.pipeline, {"metadata": {"finalizers": [FINALIZER, BY_HAND]}}))
        return None

    hook = drain(crew, shop)
    hook.client.says = meanwhile
    assert hook.process.wait(120) == 0, hook.process.said()
    assert added
    assert finalizers(shop) == [BY_HAND]
    shop.change(shop.pipeline, {"metadata": {"finalizers": None}})


def test_a_drain_that_loses_the_lease_stops_where_it_stands(crew: Crew, shop: Place) -> None:
    assert operator(crew, shop).stop() == 0
    pod = keep_pod(shop)
    hook = drain(crew, shop, "120s")
    shop.until_there(shop.consumer, lambda raw: raw["spec"]["replicas"] == 0)
    shop.change(Ref(objects.LEASE, "default", lease(shop)), {"spec": {"holderIdentity": "thief"}})
    assert hook.process.wait(120) == 3
    assert "is lost: thief holds it now" in sentence(hook)
    assert finalizers(shop) == [FINALIZER]
    assert workloads(shop)
    assert crew.lease(lease(shop))["holderIdentity"] == "thief"
    crew.server.call("DELETE", pod.path, {"gracePeriodSeconds": 0})
