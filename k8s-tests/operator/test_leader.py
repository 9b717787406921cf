"""Two operators, and one that writes: whoever lets go, dies or freezes is followed by the other and writes no more."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from apiserver import ApiServer
from crew import Crew, Hired, assembled
from gate import LEASES, Said
from patience import stays, until
from world import Place

from pulse_operator import objects
from pulse_operator.run import LEASE_SECONDS

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def crew(strimzi_and_cnpg: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    home: Path = tmp_path_factory.mktemp("crew")
    with assembled(strimzi_and_cnpg, home) as crew:
        yield crew


@pytest.fixture
def shop(crew: Crew) -> Place:
    return crew.place("shop").apply()


class Pair:
    """Two candidates for one Lease, of whom the first got it."""

    def __init__(self, crew: Crew, place: Place) -> None:
        self._crew = crew
        self.lease = f"lease-of-{place.namespace}"
        self.first = self._hire(place)
        self.until_held_by(self.first)
        self.second = self._hire(place)
        until("child", "the second waits", lambda: "lease_awaited" in self.second.process.said(), crew.said)

    def _hire(self, place: Place) -> Hired:
        words = {"PULSE_OPERATOR_LEASE": self.lease, "PULSE_LAG_INTERVAL": "1h"}
        return self._crew.hire([place.namespace], lease_seconds=LEASE_SECONDS, **words)

    @property
    def holder(self) -> str:
        return str(self._crew.lease(self.lease).get("holderIdentity", ""))

    def until_held_by(self, one: Hired) -> None:
        until(
            "child", f"{one.process.pid} holds it", lambda: self.holder.endswith(f"-{one.process.pid}"), self._crew.said
        )


def events(one: Hired) -> list[dict[str, Any]]:
    return [json.loads(line) for line in one.process.said().splitlines() if line.startswith("{")]


def works(crew: Crew, place: Place, one: Hired, suffix: str) -> None:
    """Whoever is asked for brings back what somebody removes."""
    ref = place.ref(objects.NETWORK_POLICY, suffix)
    place.until_there(ref)
    uid = place.there(ref)["metadata"]["uid"]
    before = len(one.client.writes)
    place.remove(ref)
    place.until_there(ref, lambda raw: raw["metadata"]["uid"] != uid)
    # The gate notes a write when it has been answered, which is after the API server shows it.
    until("child", "it was that one's", lambda: _wrote(one.client.writes[before:], ref), crew.said)


def _wrote(writes: Sequence[str], ref: objects.Ref) -> bool:
    return any(what.endswith(ref.path) for what in writes)


def test_one_works_and_the_other_only_waits(crew: Crew, shop: Place) -> None:
    pair = Pair(crew, shop)
    works(crew, shop, pair.first, "migrate")
    assert pair.first.client.writes
    assert not pair.second.client.writes
    assert pair.second.stop() == 0
    assert pair.holder.endswith(f"-{pair.first.process.pid}")
    assert pair.first.stop() == 0
    assert not crew.surprises()


def test_sigterm_hands_over_without_waiting_for_the_lease_to_end(crew: Crew, shop: Place) -> None:
    pair = Pair(crew, shop)
    shop.until_there(shop.ref(objects.NETWORK_POLICY, "migrate"))
    assert pair.first.stop(signal.SIGTERM) == 0
    spec = crew.lease(pair.lease)
    # Given back: whoever finds it may take it at once, and needs not see it unchanged for as long as it lasts.
    assert spec["holderIdentity"] == "" or spec["holderIdentity"].endswith(f"-{pair.second.process.pid}")
    pair.until_held_by(pair.second)
    works(crew, shop, pair.second, "migrate")
    assert crew.lease(pair.lease)["leaseTransitions"] >= 1
    assert pair.second.stop() == 0


def test_sigkill_hands_over_once_the_lease_has_run_out(crew: Crew, shop: Place) -> None:
    pair = Pair(crew, shop)
    shop.until_there(shop.ref(objects.NETWORK_POLICY, "migrate"))
    pair.first.kill()
    assert pair.holder.endswith(f"-{pair.first.process.pid}")  # nobody gave it back
    assert not pair.second.client.writes
    pair.until_held_by(pair.second)
    works(crew, shop, pair.second, "migrate")
    assert pair.second.stop() == 0


def test_a_holder_that_was_frozen_writes_nothing_when_it_wakes_and_ends(crew: Crew, shop: Place) -> None:
    pair = Pair(crew, shop)
    works(crew, shop, pair.first, "migrate")
    os.kill(pair.first.process.pid, signal.SIGSTOP)
    # Work that waits for the one that sleeps: it finds it in its queue when it wakes.
    shop.remove(shop.ref(objects.NETWORK_POLICY, "migrate"))
    pair.until_held_by(pair.second)
    works(crew, shop, pair.second, "migrate")
    shop.remove(shop.ref(objects.NETWORK_POLICY, "migrate"))
    before = list(pair.first.client.writes)
    os.kill(pair.first.process.pid, signal.SIGCONT)
    assert pair.first.process.wait() == 3
    assert pair.first.client.writes == before
    said = pair.first.process.said().splitlines()
    assert said[-1].startswith("pulse-operator run: The lease "), said[-5:]
    assert "is lost" in said[-1]
    works(crew, shop, pair.second, "migrate")
    assert pair.second.stop() == 0
    assert not crew.surprises()


@pytest.mark.parametrize("how", ["robbed", "deleted"])
def test_a_holder_whose_lease_is_taken_away_ends_with_a_sentence(crew: Crew, shop: Place, how: str) -> None:
    pair = Pair(crew, shop)
    assert pair.second.stop() == 0
    lease = objects.Ref(objects.LEASE, "default", pair.lease)
    if how == "robbed":
        shop.change(lease, {"spec": {"holderIdentity": "thief"}})
    else:
        shop.remove(lease)
    assert pair.first.process.wait() == 3
    said = pair.first.process.said().splitlines()
    assert said[-1].startswith("pulse-operator run: The lease "), said[-5:]
    if how == "robbed":
        assert pair.holder == "thief"
    assert not crew.surprises()


def test_a_holder_that_cannot_renew_stops_writing_before_another_may_begin(crew: Crew, shop: Place) -> None:
    """Its way to the Lease is cut and its way to everything else is not: only its own clock can stop it."""
    pair = Pair(crew, shop)
    shop.until_there(shop.ref(objects.NETWORK_POLICY, "migrate"))
    pair.first.client.says = lambda _, path: Said(500, "InternalError") if LEASES in path else None
    assert pair.first.process.wait() == 3
    count = len(pair.first.client.writes)
    assert not pair.second.client.writes
    pair.until_held_by(pair.second)
    stays("it is silent", lambda: len(pair.first.client.writes) == count, crew.said, 1.0)
    works(crew, shop, pair.second, "migrate")
    assert pair.second.stop() == 0
    assert not crew.surprises()


def test_whoever_waits_for_the_lease_can_be_told_to_stop(crew: Crew, shop: Place) -> None:
    pair = Pair(crew, shop)
    assert pair.second.stop(signal.SIGINT) == 0
    assert not pair.second.client.writes
    assert events(pair.second)[-1]["event"] == "operator_stopped"
    assert pair.first.stop() == 0
    assert not crew.surprises()
