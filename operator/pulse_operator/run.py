"""The operator as a process: one holder of the Lease, everything wired together, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress

import structlog

from pulse.adapters import logs, metrics
from pulse.adapters.health import HealthServer
from pulse.errors import PulseError
from pulse.settings import OperatorSettings
from pulse_operator import handlers, objects
from pulse_operator.api import Api
from pulse_operator.apply import Applier
from pulse_operator.beat import Beat
from pulse_operator.connection import Connection
from pulse_operator.events import Events
from pulse_operator.keeper import Keeper
from pulse_operator.lag import LagReader
from pulse_operator.leadership import Leadership
from pulse_operator.objects import Ref
from pulse_operator.observe import Observer
from pulse_operator.publish import Publisher
from pulse_operator.reconcile import Reconciler
from pulse_operator.remove import Remover
from pulse_operator.scaler import Scaler
from pulse_operator.scope import images, listed
from pulse_operator.watch import Watches

LEASE_SECONDS = 15


async def run(settings: OperatorSettings) -> None:
    """Keeps pipelines until SIGTERM or SIGINT. LeaseLost if another operator took over."""
    log = logs.configure(settings.log, "operator")
    logs.of_library("kopf", log, logging.WARNING)
    stop = _stop_event()
    beat = Beat(time.monotonic)
    health = HealthServer(settings.health_port, beat.alive, beat.ready, metrics.OPERATOR_REGISTRY)
    log.info("operator_started", namespaces=listed(settings.namespaces) or "all", health_port=health.port)
    try:
        connection = await asyncio.to_thread(Connection.load)
        # The reader is closed last: it finishes its look first, and the Lease should not wait for that.
        with closing(LagReader()) as reader:
            # The Lease is renewed and given back by requests that nothing holds up, not even its own loss.
            async with Api(connection) as unguarded, _leading(unguarded, settings, stop) as leadership:
                if not stop.is_set():
                    async with Api(connection, may_write=lambda: leadership.held) as api:
                        await leadership.during(_keep(settings, api, connection, beat, reader, stop))
    finally:
        health.close()
    log.info("operator_stopped")


def _stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def note(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, note, number)
    return stop


@asynccontextmanager
async def _leading(api: Api, settings: OperatorSettings, stop: asyncio.Event) -> AsyncIterator[Leadership]:
    """Waits for the Lease, and gives it back."""
    lease = Ref(objects.LEASE, settings.own_namespace, settings.lease)
    leadership = Leadership(api, lease, f"{socket.gethostname()}-{os.getpid()}", LEASE_SECONDS)
    structlog.get_logger().info("lease_awaited", lease=str(lease))
    waiting = asyncio.create_task(leadership.acquire())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            waiting.result()
            structlog.get_logger().info("lease_acquired", lease=str(lease))
        yield leadership
    finally:
        for task in (waiting, stopping):
            task.cancel()
        await asyncio.gather(waiting, stopping, return_exceptions=True)
        await leadership.release()


async def _keep(
    settings: OperatorSettings,
    api: Api,
    connection: Connection,
    beat: Beat,
    reader: LagReader,
    stop: asyncio.Event,
) -> None:
    """Everything at work, until `stop` is set or one part ends."""
    namespaces = listed(settings.namespaces)
    keeper = Keeper(time.time)
    scaler = Scaler(reader, settings.lag_interval.total_seconds(), time.time, keeper.news)
    beat.watch(keeper.work, scaler)
    with suppress(asyncio.CancelledError), _plainly():
        async with asyncio.TaskGroup() as tasks:
            watches = Watches(api, tasks, keeper.changed)
            keeper.serve(_reconciler(settings, api, watches, scaler, everywhere=not namespaces))
            parts = [
                tasks.create_task(scaler.run()),
                tasks.create_task(beat.run()),
            ]
            parts += [tasks.create_task(keeper.work.run(keeper.one, keeper.failed)) for _ in range(settings.workers)]
            places: Sequence[str | None] = namespaces or (None,)
            for namespace in places:
                for raw in await api.list(objects.PIPELINE, namespace):
                    keeper.appeared(raw)
            beat.knows()
            await handlers.watch(keeper, connection, namespaces, stop)
            watches.close()
            for part in parts:
                part.cancel()


@contextmanager
def _plainly() -> Iterator[None]:
    """An error of Pulse's own that ended the tasks comes out as itself, and so as a sentence instead of a traceback."""
    try:
        yield
    except ExceptionGroup as group:
        known, others = group.split(PulseError)
        if known is None or others is not None:
            raise
        raise known.exceptions[0] from None


def _reconciler(
    settings: OperatorSettings, api: Api, watches: Watches, scaler: Scaler, *, everywhere: bool
) -> Reconciler:
    events = Events(api, time.time)
    observer = Observer(api, watches, everywhere, time.time)
    applier = Applier(api, watches.index, observer)
    return Reconciler(
        images=images(settings),
        observer=observer,
        applier=applier,
        remover=Remover(api, watches.index, observer, applier, time.time, time.time()),
        scaler=scaler,
        publisher=Publisher(api, events, time.time),
        events=events,
        resync_seconds=settings.resync_interval.total_seconds(),
        clock=time.time,
    )
