"""Requests to a real API server: what is written, and what each refusal is told apart by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from accounts import new_account, new_namespace
from apiserver import ApiServer
from wire import wired

from pulse_operator import api as api_module
from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.objects import EVENT, KAFKA_TOPIC, NETWORK_POLICY, SECRET, SERVICE, Ref
from pulse_operator.refusals import ApiUnavailable, Conflict, Forbidden, Invalid, NotFound, NotServed

NOWHERE = objects.Kind("nobody.example/v1", "Nothing", "nothings")
Body = Callable[[Api, str], Coroutine[Any, Any, None]]


@asynccontextmanager
async def connected(server: ApiServer, home: Path, **words: Any) -> AsyncIterator[Api]:
    token = {"token": words.pop("token")} if "token" in words else {}
    async with await Api.connect(str(server.kubeconfig(home / "kubeconfig", **token)), **words) as api:
        yield api


@pytest.fixture
def run(api_server: ApiServer, tmp_path: Path) -> Callable[[Body], None]:
    """Runs a body with a client of the administrator and a namespace of its own."""
    namespace = new_namespace(api_server)

    def run(body: Body) -> None:
        async def whole() -> None:
            async with connected(api_server, tmp_path) as api:
                await body(api, namespace)

        asyncio.run(whole())

    return run


def secret(namespace: str, name: str = "shop", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "data": data,
    }


def service(namespace: str, port: Any = 80) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "namespace": namespace},
        "spec": {"ports": [{"port": port}]},
    }


def test_apply_makes_changes_and_leaves_alone_what_is_so_already(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        made = await api.apply(secret(namespace, a="MQ=="))
        same = await api.apply(secret(namespace, a="MQ=="))
        assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        changed = await api.apply(secret(namespace, b="Mg=="))
        assert changed["data"] == {"b": "Mg=="}  # what is not said any more is removed
        assert changed["metadata"]["uid"] == made["metadata"]["uid"]
        assert {one["manager"] for one in changed["metadata"]["managedFields"]} == {objects.FIELD_MANAGER}

    run(body)


def test_a_dry_run_says_what_would_be_and_writes_nothing(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        would_be = await api.apply(secret(namespace, a="MQ=="), dry_run=True)
        assert would_be["data"] == {"a": "MQ=="}
        with pytest.raises(NotFound):
            await api.get(Ref.of(would_be))

    run(body)


def test_a_field_of_another_manager_is_a_conflict_unless_it_is_forced(
    run: Callable[[Body], None], api_server: ApiServer
) -> None:
    async def body(api: Api, namespace: str) -> None:
        made = await api.apply(secret(namespace, a="MQ=="))
        path = Ref.of(made).path + "?fieldManager=kubectl-edit"
        theirs = {"data": {"a": "Mg=="}}
        await asyncio.to_thread(api_server.call, "PATCH", path, theirs, content_type="application/merge-patch+json")
        with pytest.raises(Conflict, match="kubectl-edit"):
            await api.apply(secret(namespace, a="MQ=="), force=False)
        assert (await api.apply(secret(namespace, a="MQ==")))["data"] == {"a": "MQ=="}

    run(body)


def test_a_missing_object_a_missing_namespace_and_a_missing_kind_are_told_apart(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        with pytest.raises(NotFound, match=f"read Secret {namespace}/none"):
            await api.get(Ref(SECRET, namespace, "none"))
        with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
            await api.apply(secret("nowhere"))
        for kind in (NOWHERE, objects.Kind("apps/v1", "Nothing", "nothings")):
            with pytest.raises(NotServed, match=f"does not serve Nothing .{kind.api_version}.: install its definition"):
                await api.get(Ref(kind, namespace, "none"))
            with pytest.raises(NotServed):
                await api.list(kind, namespace)
            with pytest.raises(NotServed):
                await api.delete(Ref(kind, namespace, "none"))

    run(body)


@pytest.mark.usefixtures("strimzi_and_cnpg")
def test_a_kind_whose_group_is_served_for_others_is_not_served(
    run: Callable[[Body], None],
) -> None:
    async def body(api: Api, namespace: str) -> None:
        with pytest.raises(NotFound):
            await api.get(Ref(KAFKA_TOPIC, namespace, "none"))
        with pytest.raises(NotServed):
            await api.get(Ref(objects.Kind("kafka.strimzi.io/v1", "KafkaGuess", "kafkaguesses"), namespace, "none"))
        assert {"kafkas", "kafkatopics", "kafkausers"} <= await api.served("kafka.strimzi.io/v1")

    run(body)


def test_what_is_served_is_listed_without_subresources(run: Callable[[Body], None]) -> None:
    async def body(api: Api, _: str) -> None:
        assert {"deployments", "daemonsets"} <= await api.served("apps/v1")
        assert {"pods", "secrets"} <= (core := await api.served("v1"))
        assert "pods/status" not in core
        assert await api.served(NOWHERE.api_version) == frozenset()

    run(body)


def test_what_the_account_may_not_do_is_forbidden_with_the_verb_to_grant(api_server: ApiServer, tmp_path: Path) -> None:
    namespace = new_namespace(api_server)
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    token = new_account(api_server, namespace, rules)

    async def body() -> None:
        async with connected(api_server, tmp_path, token=token) as api:
            with pytest.raises(NotFound):
                await api.get(Ref(SECRET, namespace, "none"))
            with pytest.raises(Forbidden, match="the verb 'patch'"):
                await api.apply(secret(namespace))
            with pytest.raises(Forbidden, match=f'secrets is forbidden.*in the namespace "{namespace}"'):
                await api.list(SECRET, namespace)

    asyncio.run(body())


def test_a_token_that_is_not_known_is_worth_another_try_but_not_at_once(api_server: ApiServer, tmp_path: Path) -> None:
    async def body() -> None:
        async with connected(api_server, tmp_path, token="wrong") as api:  # noqa: S106 it is no token
            with pytest.raises(ApiUnavailable, match="renew the token"):
                await api.get(Ref(SECRET, "default", "none"))

    asyncio.run(body())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spec": {"ports": [{"port": 99999999}]}}, "must be between 1 and 65535"),
        ({"spec": {"ports": [{"port": "a"}]}}, "expected numeric"),
        ({"spec": {"prots": []}}, "prots"),
    ],
)
def test_an_object_that_cannot_be_is_invalid_in_the_words_of_the_server(
    run: Callable[[Body], None], change: dict[str, Any], words: str
) -> None:
    async def body(api: Api, namespace: str) -> None:
        with pytest.raises(Invalid, match=words):
            await api.apply({**service(namespace), **change})

    run(body)


@pytest.mark.usefixtures("strimzi_and_cnpg")
def test_a_field_that_a_definition_does_not_have_is_invalid(
    run: Callable[[Body], None],
) -> None:
    async def body(api: Api, namespace: str) -> None:
        topic = {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": "shop", "namespace": namespace},
            "spec": {"partitions": 3},
        }
        await api.apply(topic)
        with pytest.raises(Invalid, match="partitoins"):
            await api.apply({**topic, "spec": {"partitoins": 3}})
        with pytest.raises(Invalid, match="partitions"):
            await api.apply({**topic, "spec": {"partitions": "three"}})

    run(body)


def test_a_list_is_read_page_by_page_and_each_object_says_its_kind(
    run: Callable[[Body], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "CHUNK", 2)

    async def body(api: Api, namespace: str) -> None:
        for number in range(5):
            await api.apply(secret(namespace, f"s{number}"))
        found = await api.list(SECRET, namespace)
        assert [Ref.of(one) for one in found] == [Ref(SECRET, namespace, f"s{n}") for n in range(5)]
        assert [one["metadata"]["name"] for one in await api.list(SECRET, namespace, "app in (s1,s3)")] == ["s1", "s3"]
        assert await api.list(NETWORK_POLICY, namespace) == []

    run(body)


def test_creating_what_exists_is_a_conflict(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "shop.1", "namespace": namespace},
            "involvedObject": {"kind": "PulsePipeline", "namespace": namespace, "name": "shop"},
            "reason": "Scaled",
            "message": "From 1 to 2.",
        }
        assert (await api.create(event))["reason"] == "Scaled"
        with pytest.raises(Conflict, match="already exists"):
            await api.create(event)
        assert [one["reason"] for one in await api.list(EVENT, namespace)] == ["Scaled"]

    run(body)


def test_a_merge_patch_of_an_old_version_is_a_conflict(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        made = await api.apply(secret(namespace))
        patch = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"], "labels": {"a": "b"}}}
        changed = await api.merge_patch(Ref.of(made), patch)
        assert changed["metadata"]["labels"] == {"app": "shop", "a": "b"}
        patch["metadata"]["labels"] = {"a": "c"}
        with pytest.raises(Conflict):
            await api.merge_patch(Ref.of(made), patch)

    run(body)


@pytest.mark.usefixtures("strimzi_and_cnpg")
def test_a_status_is_written_apart_from_the_object(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        topic = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic", "spec": {"partitions": 3}}
        made = await api.apply({**topic, "metadata": {"name": "shop", "namespace": namespace}})
        patch = {"status": {"topicName": "shop"}, "spec": {"partitions": 9}}
        changed = await api.merge_patch(Ref.of(made), patch, "status")
        assert (changed["status"], changed["spec"]) == ({"topicName": "shop"}, {"partitions": 3})
        with pytest.raises(NotServed):
            await api.merge_patch(Ref.of(await api.apply(secret(namespace))), {"status": {}}, "status")

    run(body)


def test_a_finalizer_is_taken_off_only_where_it_was_seen(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        ref = Ref.of(await api.apply(secret(namespace)))
        finalizers = "/metadata/finalizers"
        await api.json_patch(ref, [{"op": "add", "path": finalizers, "value": ["x.dev/other", objects.FINALIZER]}])
        wrong = [
            {"op": "test", "path": f"{finalizers}/0", "value": objects.FINALIZER},
            {"op": "remove", "path": f"{finalizers}/0"},
        ]
        with pytest.raises(Conflict):
            await api.json_patch(ref, wrong)
        right = [
            {"op": "test", "path": f"{finalizers}/1", "value": objects.FINALIZER},
            {"op": "remove", "path": f"{finalizers}/1"},
        ]
        assert (await api.json_patch(ref, right))["metadata"]["finalizers"] == ["x.dev/other"]

    run(body)


def test_a_deletion_meant_for_an_earlier_object_of_that_name_spares_this_one(run: Callable[[Body], None]) -> None:
    async def body(api: Api, namespace: str) -> None:
        first = await api.apply(secret(namespace))
        ref = Ref.of(first)
        assert await api.delete(ref, uid=first["metadata"]["uid"])
        assert not await api.delete(ref)
        second = await api.apply(secret(namespace))
        with pytest.raises(Conflict):
            await api.delete(ref, uid=first["metadata"]["uid"])
        assert (await api.get(ref))["metadata"]["uid"] == second["metadata"]["uid"]

    run(body)


def test_a_server_that_comes_back_soon_is_waited_for_and_one_that_does_not_is_an_error(
    api_server: ApiServer, tmp_path: Path
) -> None:
    namespace = new_namespace(api_server)

    async def body() -> None:
        async with wired(api_server) as (wire, server), connected(server, tmp_path) as api:
            await api.apply(secret(namespace))
            wire.cut()
            asyncio.get_running_loop().call_later(0.3, wire.mend)
            assert (await api.get(Ref(SECRET, namespace, "shop")))["kind"] == "Secret"
            wire.cut()
            before = wire.accepted
            with pytest.raises(ApiUnavailable, match=f"Could not read Secret {namespace}/shop: {server.url} does not"):
                await api.get(Ref(SECRET, namespace, "shop"))
            assert wire.accepted - before >= api_module.TRIES

    asyncio.run(body())


def test_a_server_that_says_nothing_is_left_after_the_time_given(api_server: ApiServer, tmp_path: Path) -> None:
    async def body() -> None:
        async with (
            wired(api_server) as (wire, server),
            connected(server, tmp_path, timeout_seconds=0.3) as api,
        ):
            wire.freeze()
            with pytest.raises(ApiUnavailable, match="does not answer"):
                await api.get(Ref(SERVICE, "default", "kubernetes"))
            wire.mend()

    asyncio.run(body())


def test_no_more_requests_run_at_once_than_allowed(api_server: ApiServer, tmp_path: Path) -> None:
    async def body() -> None:
        async with wired(api_server) as (wire, server), connected(server, tmp_path, concurrency=3) as api:
            await asyncio.gather(*(api.get(Ref(SERVICE, "default", "kubernetes")) for _ in range(30)))
            assert wire.accepted == 3

    asyncio.run(body())
