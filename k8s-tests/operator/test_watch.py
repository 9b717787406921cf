"""Watches on a real API server: what is seen, and that nothing is missed over cuts, restarts and silence."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import apiserver
import pytest
from accounts import RBAC, new_account, new_namespace
from apiserver import ApiServer
from programs import program
from wire import wired

from pulse_local import ports
from pulse_local.paths import Paths
from pulse_operator import watch as watch_module
from pulse_operator.api import Api
from pulse_operator.metadata import Meta
from pulse_operator.objects import (
    HASH_ANNOTATION,
    OWN_SELECTOR,
    SECRET,
    Identity,
    Kind,
    Ref,
    labels,
    owner_reference,
)
from pulse_operator.watch import Pace, Phase, Watches

PATIENCE_SECONDS = 30.0
SHOP = Identity("web", "shop", "00000000-0000-0000-0000-000000000001")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SOON = Pace(recheck_seconds=0.3, longest_pause_seconds=0.5)


class Seen:
    """What was reported, and waiting for it."""

    def __init__(self, watches: Watches) -> None:
        self.watches = watches
        self.reports: list[tuple[Ref, Meta | None]] = []

    @property
    def names(self) -> list[str]:
        return [ref.name for ref, _ in self.reports]

    def gone(self, name: str) -> bool:
        return any(ref.name == name and meta is None for ref, meta in self.reports)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def watching(
    server: ApiServer, home: Path, kind: Kind, namespace: str, selector: str = "", pace: Pace = SOON, **words: Any
) -> AsyncIterator[Seen]:
    """One watch, settled."""
    kubeconfig = server.kubeconfig(home / "kubeconfig", **words)
    async with await Api.connect(str(kubeconfig)) as api, asyncio.TaskGroup() as tasks:
        watches = Watches(api, tasks, lambda ref, meta: seen.reports.append((ref, meta)), pace)
        seen = Seen(watches)
        watches.ensure(kind, namespace, selector)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await watches.settled()
        yield seen
        watches.close()


def make(server: ApiServer, namespace: str, name: str, **metadata: Any) -> Ref:
    body = {"metadata": {"name": name, "labels": labels(SHOP, "consumer"), **metadata}}
    status, answer = server.call("POST", SECRET.path(namespace), body)
    assert status == 201, answer
    return Ref(SECRET, namespace, name)


def change(server: ApiServer, ref: Ref, **metadata: Any) -> None:
    status, answer = server.call("PATCH", ref.path, {"metadata": metadata}, content_type="application/merge-patch+json")
    assert status == 200, answer


def remove(server: ApiServer, ref: Ref) -> None:
    status, answer = server.call("DELETE", ref.path)
    assert status == 200, answer


def on_secrets(*verbs: str) -> list[dict[str, Any]]:
    return [{"apiGroups": [""], "resources": ["secrets"], "verbs": list(verbs)}]


def grant(server: ApiServer, namespace: str, *verbs: str) -> None:
    """Makes these the rights of the one account of a namespace."""
    roles = f"{RBAC}/namespaces/{namespace}/roles"
    (role,) = server.call("GET", roles)[1]["items"]
    changed = {**role, "rules": on_secrets(*verbs)}
    assert server.call("PUT", f"{roles}/{role['metadata']['name']}", changed)[0] == 200


def test_what_is_there_is_listed_and_what_happens_to_it_follows(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)
    first = make(
        api_server,
        namespace,
        "first",
        annotations={HASH_ANNOTATION: "abc"},
        ownerReferences=[owner_reference(SHOP)],
    )

    async def body() -> None:
        async with watching(api_server, tmp_path, SECRET, namespace) as seen:
            assert seen.watches.state(SECRET, namespace).phase is Phase.SYNCED
            known = seen.watches.lookup(first)
            assert known is not None
            assert (known.owner, known.component, known.hash) == (("web", "shop"), "consumer", "abc")
            assert (known.controller, known.deleting) == (SHOP.uid, False)

            second = make(api_server, namespace, "second", finalizers=["pulse.dev/finalizer"])
            await seen.until(lambda: seen.watches.lookup(second) is not None)
            change(api_server, first, annotations={HASH_ANNOTATION: "def"})
            await seen.until(lambda: (now := seen.watches.lookup(first)) is not None and now.hash == "def")
            remove(api_server, second)
            await seen.until(lambda: (now := seen.watches.lookup(second)) is not None and now.deleting)
            change(api_server, second, finalizers=None)
            await seen.until(lambda: seen.gone("second"))
            assert seen.watches.index.owned_by("web", "shop") == {first}

    asyncio.run(body())


def test_a_long_list_comes_in_pages(api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "CHUNK", 2)
    namespace = new_namespace(api_server)
    for number in range(5):
        make(api_server, namespace, f"s{number}")

    async def body() -> None:
        async with watching(api_server, tmp_path, SECRET, namespace) as seen:
            assert sorted(seen.names) == [f"s{number}" for number in range(5)]

    asyncio.run(body())


def test_what_loses_the_label_is_gone_for_whoever_selects_by_it(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)
    ours = make(api_server, namespace, "ours")
    make(api_server, namespace, "foreign", labels={})

    async def body() -> None:
        async with watching(api_server, tmp_path, SECRET, namespace, OWN_SELECTOR) as seen:
            assert seen.names == ["ours"]
            change(api_server, ours, labels={"app.kubernetes.io/managed-by": None})
            await seen.until(lambda: seen.gone("ours"))

    asyncio.run(body())


def test_each_scope_is_watched_once(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)

    async def body() -> None:
        async with (
            wired(api_server) as (wire, server),
            watching(server, tmp_path, SECRET, namespace) as seen,
        ):
            make(api_server, namespace, "first")
            await seen.until(lambda: seen.names == ["first"])
            connections = wire.accepted
            seen.watches.ensure(SECRET, namespace)
            await seen.watches.settled()
            make(api_server, namespace, "second")
            await seen.until(lambda: "second" in seen.names)
            assert wire.accepted == connections
            assert seen.names == ["first", "second"]

    asyncio.run(body())


def test_a_deletion_during_a_cut_is_seen_after_it_without_another_listing(
    api_server: ApiServer, tmp_path: Path
) -> None:
    namespace = new_namespace(api_server)
    kept, lost = make(api_server, namespace, "kept"), make(api_server, namespace, "lost")
    token = new_account(api_server, namespace, on_secrets("list", "watch"))

    async def body() -> None:
        async with (
            wired(api_server) as (wire, server),
            watching(server, tmp_path, SECRET, namespace, token=token) as seen,
        ):
            wire.cut()
            remove(api_server, lost)
            grant(api_server, namespace, "watch")
            await seen.until(lambda: seen.watches.state(SECRET, namespace).phase is Phase.FAILING)
            assert "does not answer" in seen.watches.state(SECRET, namespace).message
            assert seen.watches.lookup(lost) is not None
            wire.mend()
            await seen.until(lambda: seen.gone("lost"))
            assert seen.watches.state(SECRET, namespace).phase is Phase.SYNCED
            assert seen.watches.lookup(kept) is not None

    asyncio.run(body())


def test_a_connection_that_is_dead_without_a_word_is_left(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)
    pace = Pace(watch_seconds=3.0, grace_seconds=0.5, longest_pause_seconds=0.5)

    async def body() -> None:
        async with (
            wired(api_server) as (wire, server),
            watching(server, tmp_path, SECRET, namespace, pace=pace) as seen,
        ):
            before = make(api_server, namespace, "before")
            await seen.until(lambda: seen.watches.lookup(before) is not None)
            wire.strand()
            make(api_server, namespace, "after")
            await seen.until(lambda: "after" in seen.names)

    asyncio.run(body())


Restartable = Callable[[], AbstractContextManager[ApiServer]]


@pytest.fixture
def restartable(server_paths: Paths) -> Iterator[Restartable]:
    """Starts an API server of this test's own; started again, it has the same objects, address and certificate."""
    etcd, kube_apiserver = (program(name, server_paths.cache) for name in ("etcd", "kube-apiserver"))
    taken: set[int] = set()
    for _ in range(3):
        taken.add(ports.free_port(0, taken))
    client, peer, api = taken
    with tempfile.TemporaryDirectory() as home:
        yield lambda: apiserver.running(etcd, kube_apiserver, Path(home), (client, peer, api))


def test_a_restarted_server_that_forgot_the_version_is_listed_again(restartable: Restartable, tmp_path: Path) -> None:
    async def body() -> None:
        first = restartable()
        server = await asyncio.to_thread(first.__enter__)
        namespace = new_namespace(server)
        kept, lost = make(server, namespace, "kept"), make(server, namespace, "lost")
        version = server.call("GET", SECRET.path(namespace))[1]["metadata"]["resourceVersion"]
        async with wired(server) as (wire, through), watching(through, tmp_path, SECRET, namespace) as seen:
            wire.cut()
            remove(server, lost)
            for number in range(5):
                change(server, kept, annotations={"number": str(number)})
            await asyncio.to_thread(first.__exit__, None, None, None)
            second = restartable()
            await asyncio.to_thread(second.__enter__)
            try:
                query = f"?watch=1&timeoutSeconds=1&resourceVersion={version}"
                _, answer = server.call("GET", SECRET.path(namespace) + query)
                assert answer["object"]["code"] == 410, answer
                wire.mend()
                await seen.until(lambda: seen.gone("lost"))
                await seen.until(lambda: seen.watches.state(SECRET, namespace).phase is Phase.SYNCED)
                after = make(server, namespace, "after")
                await seen.until(lambda: seen.watches.lookup(after) is not None)
                assert seen.watches.lookup(kept) is not None
            finally:
                await asyncio.to_thread(second.__exit__, None, None, None)

    asyncio.run(body())


def definition(group: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }


def test_a_kind_comes_and_goes_with_its_definition(api_server: ApiServer, tmp_path: Path) -> None:
    namespace, group = new_namespace(api_server), f"g{uuid.uuid4().hex[:8]}.example"
    kind = Kind(f"{group}/v1", "Thing", "things")

    async def body() -> None:
        async with wired(api_server) as (wire, server), watching(server, tmp_path, kind, namespace) as seen:
            assert seen.watches.state(kind, namespace).phase is Phase.NOT_SERVED
            assert f"Thing ({group}/v1)" in seen.watches.state(kind, namespace).message
            assert api_server.call("POST", DEFINITIONS, definition(group))[0] == 201
            await seen.until(lambda: seen.watches.state(kind, namespace).phase is Phase.SYNCED)
            thing = {"apiVersion": kind.api_version, "kind": "Thing", "metadata": {"name": "one"}}
            assert api_server.call("POST", kind.path(namespace), thing)[0] == 201
            await seen.until(lambda: seen.names == ["one"])
            wire.cut()
            assert api_server.call("DELETE", f"{DEFINITIONS}/things.{group}")[0] == 200
            await seen.until(lambda: api_server.call("GET", kind.path(namespace))[0] == 404)
            wire.mend()
            await seen.until(lambda: seen.watches.state(kind, namespace).phase is Phase.NOT_SERVED)
            assert seen.gone("one")

    asyncio.run(body())


def test_a_role_that_is_missing_is_a_state_until_it_is_granted(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)
    token = new_account(api_server, namespace, [])
    make(api_server, namespace, "one")

    async def body() -> None:
        async with watching(api_server, tmp_path, SECRET, namespace, token=token) as seen:
            state = seen.watches.state(SECRET, namespace)
            assert state.phase is Phase.FORBIDDEN
            assert "the verb 'list'" in state.message
            grant(api_server, namespace, "list", "watch")
            await seen.until(lambda: seen.watches.state(SECRET, namespace).phase is Phase.SYNCED)
            assert seen.names == ["one"]

    asyncio.run(body())


def test_a_server_that_is_away_at_the_start_is_waited_for(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)
    make(api_server, namespace, "one")

    async def body() -> None:
        async with wired(api_server) as (wire, server):
            wire.cut()
            async with watching(server, tmp_path, SECRET, namespace) as seen:
                state = seen.watches.state(SECRET, namespace)
                assert state.phase is Phase.PENDING  # nothing was ever listed: not to be taken for "there is none"
                assert "does not answer" in state.message
                wire.mend()
                await seen.until(lambda: seen.names == ["one"])

    asyncio.run(body())


def test_what_nobody_watches_is_pending(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)

    async def body() -> None:
        async with watching(api_server, tmp_path, SECRET, namespace) as seen:
            state = seen.watches.state(SECRET, "elsewhere")
            assert state.phase is Phase.PENDING
            assert "elsewhere" in state.message

    asyncio.run(body())
