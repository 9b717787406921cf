"""What a pipeline that is being deleted still has to do: step by step, and in every order in which things vanish."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.evidence import OURS

from pulse_operator import objects
from pulse_operator.objects import Kind, Ref
from pulse_operator.teardown import DRAIN_SECONDS, WORKLOADS, Child, Steps, next_steps

PASS_SECONDS = 3.0
assert OURS.database
ROLE, DATABASE, TOPIC, USER = OURS.roles["owner"], OURS.database, OURS.topics["events"], OURS.users["lag"]
PASSWORD = OURS.role_secrets["owner"]
CONSUMER = OURS.consumer
SIMULATOR = Ref(objects.DEPLOYMENT, "web", "shop-simulator")
COLLECTOR = Ref(objects.DEPLOYMENT, "web", "shop-collector")
SCALES = Ref(objects.AUTOSCALER, "web", "shop-collector")
SERVICE, JOB = Ref(objects.SERVICE, "web", "shop-consumer"), Ref(objects.JOB, "web", "shop-migrate-1")
POLICY = Ref(objects.NETWORK_POLICY, "web", "shop-consumer")
POD = Ref(objects.POD, "web", "shop-consumer-1")
DATA = (TOPIC, DATABASE, ROLE, PASSWORD)
STRIMZIS, CLOUD_NATIVE_PGS = (TOPIC, USER), (DATABASE, ROLE)
ALL = (CONSUMER, SIMULATOR, COLLECTOR, SCALES, OURS.transform, SERVICE, JOB, POLICY, USER, *DATA)


def steps(*children: Child | Ref, **words: Any) -> Steps:
    """The next steps, ten seconds after the deletion, with nothing but this."""
    made = [child if isinstance(child, Child) else Child(child) for child in children]
    usual = {"pods": (), "delete_data": False, "kafka_gone": False, "postgres_gone": False, "seconds": 10.0}
    return next_steps(made, **{**usual, **words})


def test_first_the_pods_are_stopped() -> None:
    found = steps(Child(CONSUMER, stopped=True), SIMULATOR, SERVICE, USER, pods=[POD])
    assert found == Steps(stop=(SIMULATOR,), awaited=(SIMULATOR,))


@pytest.mark.parametrize("deployment", [Child(CONSUMER, stopped=True), Child(CONSUMER, deleting=True), Child(SERVICE)])
def test_nothing_goes_before_the_pods_did_whatever_became_of_their_deployment(deployment: Child) -> None:
    assert steps(deployment, USER, pods=[POD]) == Steps(awaited=(POD,))


@pytest.mark.parametrize("deployment", [Child(CONSUMER, stopped=True), Child(CONSUMER)])
def test_pods_that_do_not_stop_are_not_waited_for_for_ever(deployment: Child) -> None:
    assert steps(deployment, pods=[POD], seconds=DRAIN_SECONDS - 0.1).delete == ()
    assert steps(deployment, pods=[POD], seconds=DRAIN_SECONDS).delete == (CONSUMER,)


def test_collectors_stop_with_the_others_and_what_would_start_them_again_goes_with_them() -> None:
    assert steps(COLLECTOR, SCALES, SERVICE).stop == (COLLECTOR,)
    assert set(steps(Child(COLLECTOR, stopped=True), SCALES).delete) == {COLLECTOR, SCALES}


def test_then_the_workloads_go_all_at_once() -> None:
    found = steps(
        Child(CONSUMER, stopped=True), Child(JOB, deleting=True), OURS.transform, SERVICE, POLICY, *DATA, USER
    )
    assert set(found.delete) == {CONSUMER, OURS.transform, SERVICE, POLICY}
    assert set(found.awaited) == {JOB, *found.delete}
    assert (found.stop, found.free, found.done) == ((), (), False)


def test_then_the_users_and_the_pipeline_is_done_if_data_is_kept() -> None:
    assert steps(USER, *DATA).delete == (USER,)
    assert steps(Child(USER, deleting=True), *DATA) == Steps(awaited=(USER,))
    done = steps(*DATA)
    assert done.done
    assert set(done.kept) == set(DATA)


@pytest.mark.parametrize(
    ("left", "goes"),
    [(DATA, TOPIC), ((DATABASE, ROLE, PASSWORD), DATABASE), ((ROLE, PASSWORD), ROLE), ((PASSWORD,), PASSWORD)],
)
def test_data_goes_in_the_order_of_who_needs_what(left: tuple[Ref, ...], goes: Ref) -> None:
    assert steps(*left, delete_data=True) == Steps(delete=(goes,), awaited=(goes,))
    assert steps(*(Child(ref, deleting=True) for ref in left), delete_data=True) == Steps(awaited=(goes,))


def test_with_nothing_left_it_is_done() -> None:
    assert steps(delete_data=True) == Steps()
    assert steps(delete_data=True).done


@pytest.mark.parametrize(
    ("ref", "gone", "freed"),
    [
        (USER, "kafka_gone", True),
        (TOPIC, "kafka_gone", True),
        (DATABASE, "postgres_gone", True),
        (ROLE, "postgres_gone", True),
        (USER, "postgres_gone", False),
        (DATABASE, "kafka_gone", False),
        (CONSUMER, "kafka_gone", False),
        (PASSWORD, "postgres_gone", False),
    ],
)
def test_only_what_nobody_is_left_to_finish_is_freed(ref: Ref, gone: str, freed: bool) -> None:
    going = steps(Child(ref, deleting=True), delete_data=True, **{gone: True})
    assert going == Steps(free=(ref,) if freed else (), awaited=(ref,))
    asked_first = steps(ref, delete_data=True, seconds=DRAIN_SECONDS, **{gone: True})
    assert asked_first == Steps(delete=(ref,), awaited=(ref,))


def test_what_a_child_is_read_as() -> None:
    raw = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 0}}
    metadata = {"namespace": "web", "name": "shop-consumer", "uid": "u"}
    assert Child.of({**raw, "metadata": metadata}) == Child(CONSUMER, "u", deleting=False, stopped=True)
    going = {**raw, "spec": None, "metadata": {**metadata, "deletionTimestamp": "2026-03-01T12:00:00Z"}}
    assert Child.of(going) == Child(CONSUMER, "u", deleting=True, stopped=False)


@dataclass
class Removal:
    """A deletion pass by pass. Others take things away at their pass; pods need some passes after they were stopped."""

    left: dict[Ref, Child]
    vanish: Mapping[str, int]  # passes after which others took it away, by its text, and "Kafka" and "Cluster"
    pods_need: int
    delete_data: bool
    passes: int = 0

    def gone(self, what: str) -> bool:
        return self.vanish.get(what, 10**9) <= self.passes

    def advance(self) -> Steps:
        """What others do, then a pass of the operator."""
        for ref in list(self.left):
            if self.gone(str(ref)) or (self.left[ref].deleting and self.finishes(ref.kind)):
                del self.left[ref]
        if all(child.stopped or child.deleting for child in self.of_kind(objects.DEPLOYMENT)):
            self.pods_need -= 1
        found = next_steps(
            self.left.values(),
            pods=[POD] if self.pods_need > 0 else [],
            delete_data=self.delete_data,
            kafka_gone=self.gone("Kafka"),
            postgres_gone=self.gone("Cluster"),
            seconds=self.passes * PASS_SECONDS,
        )
        self.check(found)
        for ref in found.stop:
            self.left[ref] = replace(self.left[ref], stopped=True)
        for ref in found.delete:
            self.left[ref] = replace(self.left[ref], deleting=True)
        for ref in found.free:
            del self.left[ref]
        self.passes += 1
        return found

    def finishes(self, kind: Kind) -> bool:
        """Whether the one who has to finish the deletion of such a thing is there to do so."""
        if kind in (objects.KAFKA_TOPIC, objects.KAFKA_USER):
            return not self.gone("Kafka")
        return kind not in (objects.DATABASE, objects.DATABASE_ROLE) or not self.gone("Cluster")

    def of_kind(self, kind: Kind) -> Collection[Child]:
        return [child for child in self.left.values() if child.ref.kind is kind]

    def check(self, found: Steps) -> None:
        """What holds of every pass."""
        touched = {*found.stop, *found.delete, *found.free}
        assert touched <= set(found.awaited) <= {*self.left, POD}
        assert {ref.kind for ref in found.stop} <= {objects.DEPLOYMENT}
        if not self.delete_data:
            assert not touched & set(DATA)
        if self.pods_need > 0 and self.passes * PASS_SECONDS < DRAIN_SECONDS:
            assert not found.delete
            assert not found.free
        if touched & set(DATA) or USER in touched:
            assert not {ref.kind for ref in self.left} & WORKLOADS
        if touched & set(DATA):
            assert USER not in self.left
        if ROLE in touched:
            assert DATABASE not in self.left
        assert all(self.left[ref].deleting and not self.finishes(ref.kind) for ref in found.free)


@given(
    there=st.sets(st.sampled_from(ALL)),
    vanish=st.dictionaries(st.sampled_from([*map(str, ALL), "Kafka", "Cluster"]), st.integers(0, 20)),
    pods_need=st.integers(0, 5) | st.just(10**6),
    delete_data=st.booleans(),
    begun=st.sets(st.sampled_from(ALL)),
)
def test_it_ends_in_whatever_order_things_vanish(
    there: set[Ref], vanish: dict[str, int], pods_need: int, delete_data: bool, begun: set[Ref]
) -> None:
    left = {ref: Child(ref, deleting=ref in begun) for ref in there}
    removal = Removal(left, vanish, pods_need, delete_data)
    last = next(found for found in (removal.advance() for _ in range(150)) if found.done)
    assert set(last.kept) == set(removal.left)
    assert removal.left.keys() <= (set() if delete_data else set(DATA))
    if not delete_data:
        assert {ref for ref in there & set(DATA) if str(ref) not in vanish and ref not in begun} <= set(last.kept)
