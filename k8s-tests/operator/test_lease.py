"""One writer at a time, on a real API server: whoever is cut off, frozen or robbed stops before another begins."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from accounts import new_namespace
from apiserver import ApiServer
from wire import wired

from pulse_operator.api import Api
from pulse_operator.leadership import Leadership, LeaseLost
from pulse_operator.objects import LEASE, Ref

PATIENCE_SECONDS = 30.0
DURATION_SECONDS = 4
LONG_SECONDS = 600  # nobody waits this long for a lease to expire


@pytest.fixture
def lease(api_server: ApiServer) -> Ref:
    return Ref(LEASE, new_namespace(api_server), "pulse-operator")


@asynccontextmanager
async def candidate(
    server: ApiServer, home: Path, ref: Ref, me: str, duration_seconds: int = DURATION_SECONDS
) -> AsyncIterator[Leadership]:
    kubeconfig = server.kubeconfig(home / f"kubeconfig of {me}")
    async with await Api.connect(str(kubeconfig), timeout_seconds=5.0) as api:
        yield Leadership(api, ref, me, duration_seconds)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


def spec(server: ApiServer, ref: Ref) -> dict[str, object]:
    status, answer = server.call("GET", ref.path)
    assert status == 200, answer
    found: dict[str, object] = answer["spec"]
    return found


def change(server: ApiServer, ref: Ref, body: dict[str, object]) -> None:
    status, answer = server.call("PATCH", ref.path, body, content_type="application/merge-patch+json")
    assert status == 200, answer


def test_the_second_waits_and_takes_over_at_once_when_the_first_lets_go(
    api_server: ApiServer, tmp_path: Path, lease: Ref
) -> None:
    async def body() -> None:
        async with (
            candidate(api_server, tmp_path, lease, "first") as first,
            candidate(api_server, tmp_path, lease, "second") as second,
        ):
            await first.acquire()
            assert spec(api_server, lease)["holderIdentity"] == "first"
            waiting = asyncio.create_task(second.acquire())
            holding = asyncio.create_task(first.hold())
            await asyncio.sleep(DURATION_SECONDS * 1.5)  # longer than it lasts without being renewed
            assert not holding.done()
            assert not waiting.done()
            holding.cancel()
            await first.release()
            assert not first.held
            await asyncio.wait_for(waiting, PATIENCE_SECONDS)
            assert second.held
            assert spec(api_server, lease)["leaseTransitions"] == 1

    asyncio.run(body())


def test_a_lease_that_was_released_is_not_waited_for(api_server: ApiServer, tmp_path: Path, lease: Ref) -> None:
    async def body() -> None:
        async with (
            candidate(api_server, tmp_path, lease, "first", LONG_SECONDS) as first,
            candidate(api_server, tmp_path, lease, "second", LONG_SECONDS) as second,
        ):
            await first.acquire()
            await first.release()
            await asyncio.wait_for(second.acquire(), PATIENCE_SECONDS)

    asyncio.run(body())


def test_of_many_candidates_that_come_and_go_two_never_hold_it_together(
    api_server: ApiServer, tmp_path: Path, lease: Ref
) -> None:
    names = [f"candidate-{number}" for number in range(4)]
    terms: list[str] = []
    candidates: list[Leadership] = []

    async def career(name: str, ends_well: bool) -> None:
        async with candidate(api_server, tmp_path, lease, name, 2) as me:
            candidates.append(me)
            await me.acquire()
            terms.append(name)
            holding = asyncio.create_task(me.hold())
            for _ in range(20):
                assert sum(one.held for one in candidates) <= 1
                await asyncio.sleep(0.05)
            holding.cancel()
            if ends_well:
                await me.release()

    async def body() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*(career(name, number % 2 == 0) for number, name in enumerate(names)))

    asyncio.run(body())
    assert sorted(terms) == names


def test_a_holder_that_is_cut_off_stops_before_another_begins(
    api_server: ApiServer, tmp_path: Path, lease: Ref
) -> None:
    async def body() -> None:
        async with (
            wired(api_server) as (wire, server),
            candidate(server, tmp_path, lease, "first") as first,
            candidate(api_server, tmp_path, lease, "second") as second,
        ):
            await first.acquire()
            holding, waiting = asyncio.create_task(first.hold()), asyncio.create_task(second.acquire())
            await asyncio.sleep(DURATION_SECONDS / 2)
            wire.freeze()
            with pytest.raises(LeaseLost, match="could not be renewed in time"):
                await asyncio.wait_for(holding, PATIENCE_SECONDS)
            assert not first.held
            assert not waiting.done()
            await asyncio.wait_for(waiting, PATIENCE_SECONDS)
            assert second.held
            wire.cut()

    asyncio.run(body())


FROZEN = """
import asyncio, sys
from pulse_operator.api import Api
from pulse_operator.leadership import Leadership
from pulse_operator.objects import LEASE, Ref

async def main(kubeconfig, namespace, name, seconds):
    async with await Api.connect(kubeconfig) as api:
        leadership = Leadership(api, Ref(LEASE, namespace, name), "frozen", int(seconds))
        await leadership.acquire()
        print("acquired", flush=True)
        await leadership.hold()

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_process_that_was_frozen_ends_when_it_wakes_and_writes_nothing(
    api_server: ApiServer, tmp_path: Path, lease: Ref
) -> None:
    kubeconfig = str(api_server.kubeconfig(tmp_path / "kubeconfig"))
    words = [sys.executable, "-c", FROZEN, kubeconfig, lease.namespace, lease.name, str(DURATION_SECONDS)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as frozen:
        assert frozen.stdout
        assert frozen.stdout.readline() == "acquired\n"
        frozen.send_signal(signal.SIGSTOP)

        async def body() -> None:
            async with candidate(api_server, tmp_path, lease, "awake") as awake:
                await asyncio.wait_for(awake.acquire(), PATIENCE_SECONDS)
                before = spec(api_server, lease)
                frozen.send_signal(signal.SIGCONT)
                _, complaint = await asyncio.to_thread(frozen.communicate)
                assert frozen.returncode == 1
                assert "LeaseLost" in complaint
                assert spec(api_server, lease) == before
                assert before["holderIdentity"] == "awake"

        try:
            asyncio.run(body())
        finally:
            frozen.kill()


def test_a_short_outage_is_survived(api_server: ApiServer, tmp_path: Path, lease: Ref) -> None:
    async def body() -> None:
        async with (
            wired(api_server) as (wire, server),
            candidate(server, tmp_path, lease, "first", 12) as first,
        ):
            await first.acquire()
            holding = asyncio.create_task(first.hold())
            acquired = spec(api_server, lease)["renewTime"]
            await asyncio.sleep(3.5)  # it renews after four
            wire.cut()
            connections = wire.accepted
            await until(lambda: wire.accepted > connections)  # it tried
            wire.mend()
            await until(lambda: spec(api_server, lease)["renewTime"] != acquired)
            assert first.held
            holding.cancel()

    asyncio.run(body())


def test_a_write_that_leaves_the_holder_alone_does_not_cost_the_lease(
    api_server: ApiServer, tmp_path: Path, lease: Ref
) -> None:
    async def body() -> None:
        async with candidate(api_server, tmp_path, lease, "first") as first:
            await first.acquire()
            acquired = spec(api_server, lease)
            change(api_server, lease, {"metadata": {"labels": {"looked": "at"}}})
            holding = asyncio.create_task(first.hold())
            await until(lambda: spec(api_server, lease)["renewTime"] != acquired["renewTime"])
            assert first.held
            assert spec(api_server, lease)["acquireTime"] == acquired["acquireTime"]
            holding.cancel()

    asyncio.run(body())


@pytest.mark.parametrize("how", ["robbed", "deleted"])
def test_a_holder_whose_lease_is_taken_away_ends(api_server: ApiServer, tmp_path: Path, lease: Ref, how: str) -> None:
    words = {"robbed": "thief holds it now", "deleted": "it was deleted"}

    async def body() -> None:
        async with candidate(api_server, tmp_path, lease, "first") as first:
            await first.acquire()
            if how == "robbed":
                change(api_server, lease, {"spec": {"holderIdentity": "thief"}})
            else:
                assert api_server.call("DELETE", lease.path)[0] == 200
            with pytest.raises(LeaseLost, match=words[how]):
                await asyncio.wait_for(first.hold(), PATIENCE_SECONDS)
            assert not first.held
            with suppress(LeaseLost):
                await first.release()  # and does not touch what is another's
            if how == "robbed":
                assert spec(api_server, lease)["holderIdentity"] == "thief"

    asyncio.run(body())


def test_a_server_that_is_away_only_makes_a_candidate_wait(api_server: ApiServer, tmp_path: Path, lease: Ref) -> None:
    async def body() -> None:
        async with (
            wired(api_server) as (wire, server),
            candidate(server, tmp_path, lease, "first") as first,
        ):
            wire.cut()
            waiting = asyncio.create_task(first.acquire())
            await until(lambda: wire.accepted > 0)
            wire.mend()
            await asyncio.wait_for(waiting, PATIENCE_SECONDS)
            assert first.held

    asyncio.run(body())
