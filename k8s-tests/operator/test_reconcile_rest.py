"""Where nothing happens, nothing is written: not to the children, not to the pipeline, not to anything else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from apiserver import ApiServer
from patience import PERIOD_SECONDS
from world import Place, World, running_world

from pulse_local import ports
from pulse_local.services.kafka import Broker

RESYNC_SECONDS, REST_SECONDS = 5, 15.0  # every pipeline is looked at a few times while nothing happens
SELDOM = {"schedule": "0 0 29 2 *"}  # a run of dbt that falls due meanwhile is a reason to write
_VERBS = "POST|PUT|PATCH|APPLY|DELETE"
_WRITTEN = re.compile(
    rf'apiserver_request_total\{{.*[,{{]resource="(?P<resource>[^"]+)".*verb="(?:{_VERBS})".*\}} (?P<count>\S+)'
)
_DONE = re.compile(r'^pulse_operator_reconciles_total\{[^}]*"done"[^}]*\} (\S+)$', re.MULTILINE)


def writes(place: Place) -> dict[str, float]:
    """Every writing request that the API server took, by the resource, but for leases."""
    _, answer = place.world.server.call("GET", "/metrics")
    counts: dict[str, float] = {}
    for found in filter(None, map(_WRITTEN.match, answer["message"].splitlines())):
        counts[found["resource"]] = counts.get(found["resource"], 0.0) + float(found["count"])
    counts.pop("leases", None)
    return counts


def passes(world: World) -> float:
    """How many passes over pipelines came to their end."""
    found = _DONE.search(world.operator.get("/metrics")[1])
    return float(found[1]) if found else 0.0


@pytest.fixture(scope="module")
def world(control_plane: ApiServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An operator that looks at its pipelines more often than it needs to."""
    home = tmp_path_factory.mktemp("operator")
    with running_world(control_plane, broker, home, PULSE_RESYNC_INTERVAL=f"{RESYNC_SECONDS}s") as running:
        yield running


@pytest.fixture(scope="module")
def ready(world: World) -> Place:
    return world.place("rest").apply(simulator={"enabled": True}, transform=SELDOM).until_ready()


@pytest.fixture(scope="module")
def unknown(world: World) -> Place:
    """A pipeline whose brokers nobody reaches, which makes it look again and again."""
    place = world.place("unreached", brokers=f"127.0.0.1:{ports.free_port()}").apply(transform=SELDOM)
    place.until_condition("LagKnown", "Unknown", "QueryFailed", "ready")
    place.until_condition("ConsumerAvailable", "True", "Available")
    return place


def test_nothing_is_written_at_rest(world: World, ready: Place, unknown: Place) -> None:
    _calm(ready, unknown)
    before, versions, looked = writes(ready), ready.versions() | unknown.versions(), passes(world)
    time.sleep(REST_SECONDS)
    assert writes(ready) == before, ready.dump() + unknown.dump()
    assert ready.versions() | unknown.versions() == versions
    assert passes(world) > looked, "nobody looked, so this shows nothing"


def _calm(*places: Place) -> None:
    """Waits until the last write of the beginning lies a while back: the first lag is told within half a minute."""
    version: dict[str, str] = {}
    since = time.monotonic()
    deadline = since + 120.0
    while time.monotonic() - since < 8.0:
        now = {name: found for place in places for name, found in place.versions().items()}
        if now != version:
            version, since = now, time.monotonic()
        assert time.monotonic() < deadline, "\n".join(place.dump() for place in places)
        time.sleep(PERIOD_SECONDS)
