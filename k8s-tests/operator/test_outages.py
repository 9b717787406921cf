"""An API server that is away, refuses, forgets or loses whole kinds: the operator converges once it is back."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import apiserver
import definitions
import pytest
from accounts import new_namespace
from apiserver import ApiServer
from crew import Crew, Hired, assembled
from gate import LEASES, Said
from patience import until
from pictures import passwords, picture
from programs import program
from world import MERGE, Place

from pulse.cli import FAILED
from pulse_local import ports
from pulse_local.paths import Paths
from pulse_operator import objects
from pulse_operator.objects import Ref

pytestmark = pytest.mark.faults

AT = "2026-01-01T00:00:00Z"
TOPIC_OPERATOR = "strimzi.io/topic-operator"
STRIMZI, CLOUD_NATIVE_PG = "kafka.strimzi.io", "postgresql.cnpg.io"
LOST = 3  # the exit code of an operator that could not renew its Lease; its Deployment starts another


class Server:
    """An API server with every kind, which can be started again with the same objects, address and certificate."""

    def __init__(self, start: Callable[[], AbstractContextManager[ApiServer]]) -> None:
        self._start = start
        self.begin()
        definitions.install(self.api)

    def begin(self) -> None:
        self._running = self._start()
        self.api = self._running.__enter__()

    def end(self) -> None:
        self._running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def server(server_paths: Paths) -> Iterator[Server]:
    etcd, kube_apiserver = (program(name, server_paths.cache) for name in ("etcd", "kube-apiserver"))
    taken: set[int] = set()
    for _ in range(3):
        taken.add(ports.free_port(0, taken))
    client, peer, api = taken
    with tempfile.TemporaryDirectory() as home:
        made = Server(lambda: apiserver.running(etcd, kube_apiserver, Path(home), (client, peer, api)))
        yield made
        made.end()


@pytest.fixture
def crew(server: Server, tmp_path: Path) -> Iterator[Crew]:
    with assembled(server.api, tmp_path) as crew:
        yield crew


@pytest.fixture
def shop(crew: Crew) -> Place:
    return crew.place("shop")


def hire(crew: Crew, *places: Place, says: Callable[[str, str], Said | None] = lambda _, __: None) -> Hired:
    return crew.hire([place.namespace for place in places], says=says, PULSE_LAG_INTERVAL="1h")


def migrated(place: Place) -> None:
    """Does what the controllers and the database do, of which there are none: the Job of the schema succeeds."""
    ref = place.until("there is a Job", lambda: place.migration)
    done = [{"type": kind, "status": "True", "lastTransitionTime": AT} for kind in ("SuccessCriteriaMet", "Complete")]
    told = {"startTime": AT, "completionTime": AT, "succeeded": 1, "conditions": done}
    place.call("PATCH", f"{ref.path}/status", {"status": told}, MERGE)


def at_work(place: Place) -> None:
    """A pipeline whose consumer works, as far as anybody is told."""
    migrated(place)
    place.until_there(place.consumer)
    counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), 1)
    place.tell(place.consumer, **counts)
    place.until_condition("ConsumerAvailable", "True", "Available")


def model(crew: Crew) -> dict[str, str]:
    """What comes of a pipeline that nothing happens to."""
    place = crew.place("shop").apply()
    hired = hire(crew, place)
    at_work(place)
    assert hired.stop() == 0
    return picture(place)


def like(place: Place, expected: dict[str, str]) -> None:
    def unlike() -> str:
        now = picture(place)
        names = sorted(name for name in {*now, *expected} if now.get(name) != expected.get(name))
        return "\n".join(f"{name}\n is {now.get(name)}\n not {expected.get(name)}" for name in names) + place.dump()

    until("retry", "all is as without an outage", lambda: picture(place) == expected, unlike)


def hold(place: Place, *refs: Ref) -> None:
    for ref in refs:
        place.change(ref, {"metadata": {"finalizers": [TOPIC_OPERATOR]}})


def topics(place: Place) -> list[Ref]:
    return [place.ref(objects.KAFKA_TOPIC, part) for part in ("events", "dlq")]


def test_a_connection_that_is_cut_is_made_up_for(crew: Crew, shop: Place) -> None:
    gone, new = crew.place("gone").apply(deletionPolicy="Delete"), crew.place("new")
    shop.apply()
    hired = hire(crew, shop, gone, new)
    for place in (shop, gone):
        at_work(place)
    crew.gate.cut(hired.client)
    policy = shop.ref(objects.NETWORK_POLICY, "migrate")
    shop.remove(policy)
    shop.change(shop.pipeline, {"spec": {"transform": {"schedule": "7 * * * *"}}})
    gone.remove(gone.pipeline)
    new.apply()
    crew.gate.mend(hired.client)
    shop.until_there(policy)
    shop.until_there(shop.ref(objects.CRON_JOB, "transform"), lambda raw: raw["spec"]["schedule"] == "7 * * * *")
    gone.until_gone(gone.pipeline)
    at_work(new)
    assert hired.stop() == 0
    assert not crew.surprises()


def test_a_restart_of_the_api_server_and_its_store_in_the_middle(server: Server, crew: Crew, shop: Place) -> None:
    expected = model(crew)
    shop.apply()
    hired = hire(crew, shop)
    shop.until("something is made", lambda: hired.client.writes)
    with crew.resting():
        server.end()
        server.begin()
    if hired.process.poll() is not None:  # it took longer than the Lease lasts
        assert hired.process.code == LOST
        hired = hire(crew, shop)
    at_work(shop)
    like(shop, expected)
    policy = shop.ref(objects.NETWORK_POLICY, "migrate")
    shop.remove(policy)
    shop.until_there(policy)
    assert hired.stop() == 0
    assert not crew.surprises()


def test_conflicts_refusals_and_failures_in_between_change_nothing_in_the_end(crew: Crew, shop: Place) -> None:
    expected = model(crew)
    turns = itertools.count()
    answers = (
        Said(429, "TooManyRequests", {"Retry-After": "1"}),
        Said(500, "InternalError"),
        Said(503, "ServiceUnavailable"),
        Said(504, "Timeout"),
        Said(409, "Conflict"),
    )

    def moody(method: str, path: str) -> Said | None:
        """Every third request is answered with trouble, which for whoever only reads is no conflict."""
        turn = next(turns)
        if turn % 3 or LEASES in path:
            return None
        return answers[turn // 3 % (len(answers) - (method == "GET"))]

    shop.apply()
    hired = hire(crew, shop, says=moody)
    at_work(shop)
    like(shop, expected)
    said = {line.rsplit(" ", 1)[1] for line in hired.client.said}
    assert said == {answer.reason for answer in answers}
    shop.change(shop.pipeline, {"spec": {"deletionPolicy": "Delete"}})
    shop.remove(shop.pipeline)
    shop.until_gone(shop.pipeline)
    assert not shop.items(objects.KAFKA_TOPIC)
    assert hired.stop() == 0
    assert not crew.surprises()


def test_watches_whose_version_is_too_old_begin_anew(crew: Crew, shop: Place) -> None:
    shop.apply()
    hired = hire(crew, shop)
    at_work(shop)
    expired: set[str] = set()

    def forgetful(_: str, path: str) -> Said | None:
        kind = path.split("?")[0]
        if "watch=" not in path or kind in expired:
            return None
        expired.add(kind)
        return Said(410, "Expired", inside=True)

    hired.client.says = forgetful
    crew.gate.cut(hired.client)
    policy = shop.ref(objects.NETWORK_POLICY, "migrate")
    shop.remove(policy)
    shop.change(shop.pipeline, {"spec": {"transform": {"schedule": "7 * * * *"}}})
    crew.gate.mend(hired.client)
    shop.until_there(policy)
    shop.until_there(shop.ref(objects.CRON_JOB, "transform"), lambda raw: raw["spec"]["schedule"] == "7 * * * *")
    assert {kind.rsplit("/", 1)[1] for kind in expired} >= {"pulsepipelines", "networkpolicies", "kafkatopics"}
    assert hired.stop() == 0
    assert not crew.surprises()


@pytest.mark.parametrize(
    "odd",
    [Said(404, "Lost", text="404 page not found"), Said(500, "InternalError", inside=True)],
    ids=lambda odd: odd.reason,
)
def test_an_odd_answer_to_the_watch_of_pipelines_ends_in_a_sentence_and_the_next_operator_goes_on(
    crew: Crew, shop: Place, odd: Said
) -> None:
    """What kopf takes for fatal: the answer of a proxy that knows no such page, or of a server that is confused."""
    shop.apply()
    hired = hire(crew, shop)
    at_work(shop)
    hired.client.says = lambda _, path: odd if "/pulsepipelines?" in path else None
    crew.gate.cut(hired.client)
    crew.gate.mend(hired.client)
    assert hired.process.wait() == FAILED
    assert "pulse-operator run: The watch of PulsePipelines ended: " in hired.process.said()
    shop.change(shop.pipeline, {"spec": {"transform": {"schedule": "7 * * * *"}}})
    next_one = hire(crew, shop)
    shop.until_there(shop.ref(objects.CRON_JOB, "transform"), lambda raw: raw["spec"]["schedule"] == "7 * * * *")
    assert next_one.stop() == 0
    assert "Traceback" not in crew.said()


def test_secrets_that_cannot_be_listed_at_the_start_are_not_taken_for_missing(crew: Crew, shop: Place) -> None:
    shop.apply()
    assert _worked(crew, shop)
    before, version = passwords(shop), shop.versions()
    hired = hire(crew, shop, says=lambda _, path: Said(500, "InternalError") if "/secrets?" in path else None)
    shop.until("it was refused", lambda: len(hired.client.said) > 8)
    shop.stays("nothing is made anew", lambda: passwords(shop) == before)
    hired.client.says = lambda _, __: None
    shop.change(shop.pipeline, {"spec": {"transform": {"schedule": "7 * * * *"}}})
    shop.until_there(shop.ref(objects.CRON_JOB, "transform"), lambda raw: raw["spec"]["schedule"] == "7 * * * *")
    assert passwords(shop) == before
    assert not shop.events("SecretMissing")
    now = shop.versions()
    assert {name: now[name] for name in now if "-db-" in name} == {
        name: version[name] for name in now if "-db-" in name
    }
    assert hired.stop() == 0


def _worked(crew: Crew, *places: Place) -> bool:
    hired = hire(crew, *places)
    for place in places:
        at_work(place)
    return hired.stop() == 0


@pytest.mark.parametrize("plural", ["kafkatopics", "databases"])
def test_a_deletion_does_not_overlook_what_cannot_be_seen_for_now(crew: Crew, shop: Place, plural: str) -> None:
    shop.apply(deletionPolicy="Delete")
    assert _worked(crew, shop)
    shop.remove(shop.pipeline)
    hired = hire(crew, shop, says=lambda _, path: Said(500, "InternalError") if f"/{plural}?" in path else None)
    shop.until("it was refused", lambda: len(hired.client.said) > 8)
    shop.stays("nothing is removed out of turn", lambda: len(shop.items(objects.DATABASE_ROLE)) == 4)
    assert shop.read(shop.pipeline)
    hired.client.says = lambda _, __: None
    shop.until_gone(shop.pipeline)
    assert not shop.items(objects.KAFKA_TOPIC)
    assert not shop.items(objects.DATABASE)
    assert hired.stop() == 0


def test_nothing_is_freed_while_nobody_knows_whether_its_operator_is_there(crew: Crew, shop: Place) -> None:
    shop.apply(deletionPolicy="Delete")
    assert _worked(crew, shop)
    hold(shop, *topics(shop))
    shop.remove(shop.pipeline)
    hired = hire(crew, shop, says=lambda _, path: Said(500, "InternalError") if "/kafkas" in path else None)
    shop.until("it was refused", lambda: len(hired.client.said) > 8)
    shop.stays("its topics are held", lambda: all(_held(shop, ref) for ref in topics(shop)))
    hired.client.says = lambda _, __: None
    shop.until("their deletion is asked for", lambda: all(_going(shop, ref) for ref in topics(shop)), "retry")
    shop.stays("Kafka is there, so they are held", lambda: all(_held(shop, ref) for ref in topics(shop)))
    shop.remove(shop.kafka)
    shop.until_gone(shop.pipeline)
    assert not shop.items(objects.KAFKA_TOPIC)
    assert hired.stop() == 0


def _held(place: Place, ref: Ref) -> bool:
    return place.there(ref)["metadata"].get("finalizers") == [TOPIC_OPERATOR]


def _going(place: Place, ref: Ref) -> bool:
    return "deletionTimestamp" in place.there(ref)["metadata"]


def test_what_was_deleted_while_nobody_was_at_work_goes_when_somebody_comes(crew: Crew) -> None:
    orders = list(itertools.permutations(("pipeline", "kafka", "cluster")))
    places = [crew.place("shop").apply(deletionPolicy="Delete") for _ in orders]
    assert _worked(crew, *places)
    for place, order in zip(places, orders, strict=True):
        hold(place, *topics(place), place.ref(objects.DATABASE))
        for part in order:
            place.remove(getattr(place, part))
    hired = hire(crew, *places)
    for place in places:
        place.until_gone(place.pipeline)
        for kind in (objects.KAFKA_TOPIC, objects.KAFKA_USER, objects.DATABASE, objects.DATABASE_ROLE):
            assert not place.items(kind)
    assert hired.stop() == 0
    assert not crew.surprises()


@pytest.mark.parametrize("group", [STRIMZI, CLOUD_NATIVE_PG])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pipeline_goes_also_when_a_whole_platform_was_uninstalled(
    crew: Crew, shop: Place, group: str, when: str
) -> None:
    shop.apply(deletionPolicy="Delete")
    hired = hire(crew, shop)
    at_work(shop)
    hold(shop, *topics(shop), shop.ref(objects.DATABASE))
    if when == "after":
        shop.remove(shop.pipeline)
    try:
        for definition in definitions.wanted():
            if definition["spec"]["group"] == group:
                shop.call("DELETE", f"{definitions.PATH}/{definition['metadata']['name']}")
        if when == "before":
            shop.remove(shop.pipeline)
        # The other operator would finish its own.
        other = [shop.ref(objects.DATABASE)] if group == STRIMZI else topics(shop)
        for ref in other:
            _finish(shop, ref)
        shop.until("it is gone", lambda: shop.read(shop.pipeline) is None, "retry")
    finally:
        _reinstalled(crew)
    assert not shop.items(objects.KAFKA_TOPIC)
    assert not shop.items(objects.DATABASE)
    assert hired.stop() == 0
    assert not crew.surprises()


def _finish(place: Place, ref: Ref) -> None:
    place.until("its turn comes", lambda: place.read(ref) is None or _going(place, ref), "retry")
    place.world.server.call("PATCH", ref.path, {"metadata": {"finalizers": None}}, content_type=MERGE)


def _reinstalled(crew: Crew) -> None:
    """Once what is being deleted is gone: a definition on its way out cannot be applied."""

    def rid() -> bool:
        _, found = crew.server.call("GET", definitions.PATH)
        return not any("deletionTimestamp" in one["metadata"] for one in found["items"])

    until("child", "definitions that go are gone", rid, crew.said)
    definitions.install(crew.server)
    assert crew.server.call("GET", objects.KAFKA_TOPIC.path(new_namespace(crew.server)))[0] == 200
