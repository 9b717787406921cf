"""Before an uninstall: stops every pipeline after its last commit and lets go of it, so that nothing is left that only
the operator could finish. PulsePipelines, topics, databases and Secrets stay; a new operator goes on with them."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import structlog

from pulse.adapters import logs
from pulse.cli import FAILED, OK
from pulse.settings import OperatorSettings
from pulse_operator import objects
from pulse_operator.api import Api
from pulse_operator.leadership import Leadership
from pulse_operator.objects import COMPONENT_LABEL, FINALIZER, OWN_SELECTOR, Manifest, Ref, owned
from pulse_operator.pipeline import identity_of
from pulse_operator.refusals import NotFound, NotServed
from pulse_operator.scope import listed
from pulse_operator.teardown import WORKLOADS

POLL_SECONDS = 1.0
LEASE_SECONDS = 15
_AT_WORK = f"{OWN_SELECTOR},{COMPONENT_LABEL} in (consumer,simulator)"


async def drain(settings: OperatorSettings, timeout_seconds: float) -> int:
    """OK when nothing works any more and every pipeline was let go; FAILED if pods were still at work at the end."""
    log = logs.configure(settings.log, "drain")
    deadline = time.monotonic() + timeout_seconds
    namespaces: list[str | None] = list(listed(settings.namespaces)) or [None]
    async with await Api.connect() as api:
        await _end_operator(api, settings)
        leadership = Leadership(api, _lease(settings), f"drain-{socket.gethostname()}-{os.getpid()}", LEASE_SECONDS)
        async with asyncio.timeout(timeout_seconds):
            await leadership.acquire()
        holding = asyncio.create_task(leadership.hold())
        try:
            log.info("drain_started", namespaces=listed(settings.namespaces) or "all")
            for namespace in namespaces:
                await _stop(api, namespace)
            quiet = await _wait_until_quiet(api, namespaces, deadline)
            for namespace in namespaces:
                await _remove(api, namespace)
                await _let_go(api, namespace)
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
            await leadership.release()
    if not quiet:
        log.warning("drain_cut_short", timeout_seconds=timeout_seconds)
    log.info("drain_finished")
    return OK if quiet else FAILED


def _lease(settings: OperatorSettings) -> Ref:
    return Ref(objects.LEASE, settings.own_namespace, settings.lease)


async def _end_operator(api: Api, settings: OperatorSettings) -> None:
    """Otherwise it would bring back what is removed here."""
    if not settings.deployment:
        return
    ref = Ref(objects.DEPLOYMENT, settings.own_namespace, settings.deployment)
    try:
        await api.merge_patch(ref, {"spec": {"replicas": 0}})
    except NotFound:
        return


async def _children(api: Api, kind: objects.Kind, namespace: str | None, labels: str) -> list[Manifest]:
    try:
        return await api.list(kind, namespace, labels)
    except NotServed:
        return []


async def _stop(api: Api, namespace: str | None) -> None:
    for found in await _children(api, objects.DEPLOYMENT, namespace, _AT_WORK):
        await api.merge_patch(Ref.of(found), {"spec": {"replicas": 0}})


async def _wait_until_quiet(api: Api, namespaces: list[str | None], deadline: float) -> bool:
    told = -1
    while True:
        pods = [pod for namespace in namespaces for pod in await _children(api, objects.POD, namespace, _AT_WORK)]
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
    pipelines = {identity_of(raw) for raw in await _children(api, objects.PIPELINE, namespace, "")}
    for kind in sorted(WORKLOADS, key=str):
        for found in await _children(api, kind, namespace, OWN_SELECTOR):
            if any(owned(found, identity) for identity in pipelines):
                await api.delete(Ref.of(found))


async def _let_go(api: Api, namespace: str | None) -> None:
    for raw in await _children(api, objects.PIPELINE, namespace, ""):
        metadata = raw["metadata"]
        left = [name for name in metadata.get("finalizers", ()) if name != FINALIZER]
        patch = {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}
        await api.merge_patch(identity_of(raw).ref, {"metadata": patch})
        structlog.get_logger().info("pipeline_released", pipeline=str(identity_of(raw)))
