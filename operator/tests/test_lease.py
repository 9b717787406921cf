"""When a Lease may be taken, by the clock of whoever watches it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pulse_operator.lease import GIVE_UP, RENEW, Record, Sighting, free_in, manifest, record, seen, taken
from pulse_operator.objects import LEASE, Ref, kind_of

AT = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
OTHERS = Record("other", 15.0, 3, "2020-01-01T00:00:00.000000Z", "7")


def stored(spec: dict[str, Any] | None) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "7"}, "spec": spec}


@pytest.mark.parametrize("holder", ["", "me"])
def test_what_nobody_else_holds_is_free_at_once(holder: str) -> None:
    assert free_in(Sighting(replace(OTHERS, holder=holder), since=100.0), "me", now=100.0) == 0


def test_another_holder_has_its_whole_duration_from_when_it_was_seen_first() -> None:
    sighting = seen(None, OTHERS, now=100.0)
    assert free_in(sighting, "me", now=100.0) == 15.0
    assert free_in(sighting, "me", now=114.0) == 1.0
    assert free_in(sighting, "me", now=115.0) == 0.0


def test_each_renewal_starts_its_duration_anew_and_a_second_look_does_not() -> None:
    first = seen(None, OTHERS, now=100.0)
    assert seen(first, OTHERS, now=110.0).since == 100.0
    assert seen(first, replace(OTHERS, version="8"), now=110.0).since == 110.0


def test_the_clock_of_the_holder_is_not_believed() -> None:
    # Its renewTime is years ago, by a clock that is wrong; it was seen only now.
    ancient = record(stored({**taken(None, "other", 15, AT), "renewTime": "2001-01-01T00:00:00.000000Z"}))
    assert free_in(seen(None, ancient, now=0.0), "me", now=0.0) == 15.0


def test_an_empty_lease_is_free() -> None:
    assert free_in(seen(None, record(stored(None)), 0.0), "me", 0.0) == 0
    assert record(stored({"holderIdentity": None})).holder == ""


def test_taking_over_counts_and_renewing_does_not() -> None:
    spec = taken(OTHERS, "me", 15, AT)
    assert (spec["leaseTransitions"], spec["acquireTime"]) == (4, "2026-01-02T03:04:05.000678Z")
    mine = record(stored(spec))
    again = taken(mine, "me", 15, AT.replace(minute=9))
    assert (again["leaseTransitions"], again["acquireTime"]) == (4, spec["acquireTime"])
    assert again["renewTime"] == "2026-01-02T03:09:05.000678Z"


def test_a_new_lease_is_held_by_whoever_makes_it() -> None:
    made = manifest(Ref(LEASE, "pulse", "pulse-operator"), taken(None, "me", 15, AT))
    assert kind_of(made) is LEASE
    assert made["spec"]["holderIdentity"] == "me"
    assert made["spec"]["leaseTransitions"] == 0


def test_a_holder_gives_up_before_anybody_may_take_it_and_renews_before_that() -> None:
    assert 0 < RENEW < GIVE_UP < 1
