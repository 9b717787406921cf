"""Which replica the stand-in promotes, when it promotes none, and what an instance that starts is told. No cluster."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in_operators.failover import PENDING, Answer, Instance, Quorum, Role, elected, is_lost, promotable, role

TWO = Quorum(replicas=2, needed=1)
ASYNCHRONOUS = Quorum(replicas=2, needed=0)


def replica(name: str, reached: int | None, is_receiving: bool = False) -> Instance:
    answer = None if reached is None else Answer(False, reached, is_receiving, frozenset())
    return Instance(name, f"pod of {name}", False, True, answer)


def cluster(current: str = "", target: str = "") -> dict[str, Any]:
    status = {"currentPrimary": current, "targetPrimary": target} if current else {}
    return {"metadata": {"name": "pg"}, "spec": {"instances": 3}, "status": status}


@pytest.mark.parametrize(
    ("second", "third", "quorum", "reached", "gets"),
    [
        (100, 200, TWO, 100, "pg-3"),
        (200, 100, TWO, 200, "pg-2"),
        (200, 200, TWO, 100, "pg-2"),
        (200, None, TWO, 100, None),  # the commit may have been acknowledged by the one that says nothing
        (200, None, Quorum(replicas=2, needed=2), 100, "pg-2"),
        (200, None, ASYNCHRONOUS, 100, "pg-2"),
        (99, 98, TWO, 100, None),
        (99, None, ASYNCHRONOUS, 100, None),
        (None, None, ASYNCHRONOUS, 100, None),
        (200, 200, TWO, None, None),  # how far the primary was is not known
    ],
)
def test_the_replica_that_is_furthest_and_lacks_nothing(
    second: int | None, third: int | None, quorum: Quorum, reached: int | None, gets: str | None
) -> None:
    assert promotable([replica("pg-2", second), replica("pg-3", third)], quorum, reached) == gets


@pytest.mark.parametrize(
    ("primary", "pod", "silent", "lost"),
    [
        (Instance("pg-1", "a"), "a", 0.0, False),
        (Instance("pg-1", "a"), "a", 6.0, True),
        (Instance("pg-1", "a", leaves=True), "a", 0.0, True),
        (Instance("pg-1"), "a", 0.0, True),
        (Instance("pg-1", "b"), "a", 0.0, True),
        (Instance("pg-1", "b"), "", 0.0, False),  # nobody knows of another pod
    ],
)
def test_a_primary_is_lost_when_its_pod_is_another_or_it_is_silent(
    primary: Instance, pod: str, silent: float, lost: bool
) -> None:
    assert is_lost(primary, pod, silent) is lost


@pytest.mark.parametrize(
    ("fenced", "receiving", "second", "gets"),
    [
        (False, False, 200, PENDING),
        (True, True, 200, PENDING),
        (True, False, 200, "pg-2"),
        (True, False, 99, "pg-1"),
    ],
    ids=["its pod is still there", "something still streams", "a good replica", "none is good enough"],
)
def test_nobody_is_named_before_the_old_primary_is_gone(fenced: bool, receiving: bool, second: int, gets: str) -> None:
    instances = {one.name: one for one in (Instance("pg-1"), replica("pg-2", second, receiving), replica("pg-3", 90))}
    assert elected("pg-1", fenced, instances, TWO, 100) == gets


@pytest.mark.parametrize(
    ("current", "target", "told"),
    [
        ("", "", [Role.FIRST, Role.WAIT, Role.WAIT]),
        ("pg-1", "pg-1", [Role.PRIMARY, Role.REPLICA, Role.REPLICA]),
        ("pg-1", PENDING, [Role.WAIT, Role.REPLICA, Role.REPLICA]),
        ("pg-1", "pg-2", [Role.REPLICA, Role.PRIMARY, Role.REPLICA]),
        ("pg-2", "pg-2", [Role.REPLICA, Role.PRIMARY, Role.REPLICA]),
    ],
)
def test_at_most_one_instance_is_told_to_be_the_primary(current: str, target: str, told: list[Role]) -> None:
    assert [role(cluster(current, target), name) for name in ("pg-1", "pg-2", "pg-3")] == told
