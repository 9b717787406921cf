"""Before an uninstall: stops every pipeline after its last commit and lets go of it, so that nothing is left that only
the operator could finish. PulsePipelines, topics, databases and Secrets stay; a new operator goes on with them."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from pulse.adapters import logs
from pulse.cli import FAILED, OK
from pulse.errors import Retry
from pulse.settings import OperatorSettings
from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.connection import Connection
from pulse_operator.leadership import Leadership
from pulse_operator.objects import FINALIZER, OWN_SELECTOR, Manifest, Ref, owned
from pulse_operator.pipeline import identity_of
from pulse_operator.refusals import Conflict, NotFound, NotServed
from pulse_operator.scope import listed
from pulse_operator.teardown import AT_WORK, WORKLOADS

POLL_SECONDS = 1.0
LEASE_SECONDS = 15
_AT_WORK = f"{OWN_SELECTOR},{AT_WORK}"


class LeaseBusy(Retry):
    """Another operator is still at work, or nobody could be asked."""


async def drain(settings: OperatorSettings, timeout_seconds: float) -> int:
    """OK when nothing works any more and every pipeline was let go; FAILED if pods were still at work at the end."""
    log = logs.configure(settings.log, "drain")
    deadline = time.monotonic() + timeout_seconds
    connection = await asyncio.to_thread(Connection.load)
    async with Api(connection) as unguarded:
        await _end_operator(unguarded, settings)
        async with (
            _leading(unguarded, settings, timeout_seconds) as leadership,
            Api(connection, may_write=lambda: leadership.held) as api,
        ):
            log.info("drain_started", namespaces=listed(settings.namespaces) or "all")
            quiet = await leadership.during(_drain(api, list(listed(settings.namespaces)) or [None], deadline))
    if not quiet:
        log.warning("drain_cut_short", timeout_seconds=timeout_seconds)
    log.info("drain_finished")
    return OK if quiet else FAILED


async def _drain(api: Api, namespaces: list[str | None], deadline: float) -> bool:
    for namespace in namespaces:
        await _stop(api, namespace)
    quiet = await _wait_until_quiet(api, namespaces, deadline)
    for namespace in namespaces:
        await _remove(api, namespace)
        await _let_go(api, namespace)
    return quiet


@asynccontextmanager
async def _leading(api: Api, settings: OperatorSettings, timeout_seconds: float) -> AsyncIterator[Leadership]:
    """Waits for the Lease, and gives it back. LeaseBusy if whoever holds it does not let go of it in time."""
    lease = Ref(objects.LEASE, settings.own_namespace, settings.lease)
    leadership = Leadership(api, lease, f"drain-{socket.gethostname()}-{os.getpid()}", LEASE_SECONDS)
    try:
        async with asyncio.timeout(timeout_seconds):
            await leadership.acquire()
    except TimeoutError as late:
        raise LeaseBusy(
            f"{lease} was not free within {timeout_seconds:g} s, so nothing was drained. End the operator that holds "
            "it, or see that the API server can be reached, and drain again."
        ) from late
    try:
        yield leadership
    finally:
        await leadership.release()


async def _end_operator(api: Api, settings: OperatorSettings) -> None:
    """Otherwise it would bring back what is removed here."""
    if not settings.deployment:
        return
    ref = Ref(objects.DEPLOYMENT, settings.own_namespace, settings.deployment)
    try:
        await api.merge_patch(ref, {"spec": {"replicas": 0}})
    except NotFound:
        return


async def _listed(api: Api, kind: objects.Kind, namespace: str | None, labels: str) -> list[Manifest]:
    try:
        return await api.list(kind, namespace, labels)
    except NotServed:
        return []


async def _stop(api: Api, namespace: str | None) -> None:
    for found in await _listed(api, objects.DEPLOYMENT, namespace, _AT_WORK):
        with suppress(NotFound):
            await api.merge_patch(Ref.of(found), {"spec": {"replicas": 0}})


async def _wait_until_quiet(api: Api, namespaces: list[str | None], deadline: float) -> bool:
    told = -1
    while True:
        pods = [pod for namespace in namespaces for pod in await _listed(api, objects.POD, namespace, _AT_WORK)]
        left = [pod for pod in pods if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
        if not left:
            return True
        if len(left) != told:
            told = len(left)
            structlog.get_logger().info("drain_waited", pods=told, first=left[0]["metadata"]["name"])
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)


async def _remove(api: Api, namespace: str | None) -> None:
    pipelines = {identity_of(raw) for raw in await _listed(api, objects.PIPELINE, namespace, "")}
    for kind in sorted(WORKLOADS, key=str):
        for found in await _listed(api, kind, namespace, OWN_SELECTOR):
            if any(owned(found, identity) for identity in pipelines):
                await api.delete(Ref.of(found))


async def _let_go(api: Api, namespace: str | None) -> None:
    for raw in await _listed(api, objects.PIPELINE, namespace, ""):
        with suppress(NotFound):
            await _release(api, raw)
        structlog.get_logger().info("pipeline_released", pipeline=str(identity_of(raw)))


async def _release(api: Api, raw: Manifest) -> None:
    """Others have finalizers too, and may change them at this moment."""
    while FINALIZER in raw["metadata"].get("finalizers", ()):
        metadata, ref = raw["metadata"], identity_of(raw).ref
        left = [name for name in metadata["finalizers"] if name != FINALIZER]
        patch = {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}
        with suppress(Conflict):
            await api.merge_patch(ref, {"metadata": patch})
            return
        raw = await api.get(ref)
