"""The collector as a process: wires the parts, serves until it is told to stop, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
import uvicorn
import uvloop

from pulse import ids
from pulse.adapters import logs, metrics
from pulse.adapters.health import HealthServer
from pulse.errors import Stop
from pulse.settings import CollectorSettings
from pulse_collector.accept import Acceptance
from pulse_collector.access import ANYBODY, Access, access
from pulse_collector.bodies import Bodies
from pulse_collector.buffer import Buffered
from pulse_collector.collecting import Collecting, Limits
from pulse_collector.cookies import Cookies
from pulse_collector.counting import Counts
from pulse_collector.delivery import Delivery
from pulse_collector.guard import GuardedProtocol
from pulse_collector.http import Application
from pulse_collector.rate import Buckets
from pulse_collector.spool import Spool
from pulse_collector.stores import Stores

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 65  # longer than load balancers keep theirs, so that they hang up and not we
BEAT_SECONDS, SILENT_SECONDS = 1.0, 30.0


def run(settings: CollectorSettings) -> None:
    """Collects until SIGTERM or SIGINT, then answers what it has begun. Raises Stop when a person has to act."""
    log = logs.configure(settings.log, "collector")
    who = access(settings.keys, settings.origins)
    cookies = Cookies(settings.cookie, settings.cookie_domain, lambda: _new_id(time.time_ns() // 1000))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_collect(settings, who, cookies, log))


class _Pulse:
    """Whether the event loop still turns, and whether there is use in sending to it."""

    def __init__(self, kafka: Delivery, stores: Stores) -> None:
        self._kafka, self._stores = kafka, stores
        self.leaving = False
        self._beat = time.monotonic()

    async def beat(self) -> None:
        while True:
            self._beat = time.monotonic()
            Counts.kafka(self._kafka.problem)
            await asyncio.sleep(BEAT_SECONDS)

    def alive(self) -> str | None:
        silent = time.monotonic() - self._beat
        return f"the event loop has not turned for {silent:.0f} s" if silent > SILENT_SECONDS else None

    def ready(self) -> str | None:
        return "it is about to stop" if self.leaving else self._stores.problem


class _Server(uvicorn.Server):
    """Leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _collect(
    settings: CollectorSettings, who: Access, cookies: Cookies, log: structlog.stdlib.BoundLogger
) -> None:
    spool = Spool(Path(settings.buffer_directory)) if settings.buffer_directory else None
    listener = _listener(settings.host, settings.port)
    kafka = Delivery(settings.kafka, settings.events_topic, settings.ack_timeout.total_seconds(), log)
    stores = kafka if spool is None else Buffered(kafka, spool, settings.buffer_bytes, log)
    application = _application(settings, who, cookies, stores, log)
    pulse = _Pulse(kafka, stores)
    health = HealthServer(settings.health_port, pulse.alive, pulse.ready, metrics.COLLECTOR_REGISTRY)
    try:
        await stores.start()
        beating = asyncio.create_task(pulse.beat())
        server = _server(settings, application)
        _stop_on_signals(server, pulse, settings.stop_delay.total_seconds(), log)
        log.info(
            "collector_started",
            topic=settings.events_topic,
            port=listener.getsockname()[1],
            health_port=health.port,
            keys=len(who.names),
            origins=len(who.origins),
        )
        _keep_what_is_loaded()
        await server.serve(sockets=[listener])
        beating.cancel()
    finally:
        await stores.close()
        health.close()
        listener.close()
    log.info("collector_stopped")


def _keep_what_is_loaded() -> None:
    """Garbage is not looked for among what stays until the end: that would stop all requests, again and again."""
    gc.collect()
    gc.freeze()


def _application(
    settings: CollectorSettings, who: Access, cookies: Cookies, stores: Stores, log: structlog.stdlib.BoundLogger
) -> Application:
    counts = Counts([ANYBODY, *who.names.values()])
    collecting = Collecting(
        who,
        Acceptance(
            event_bytes=settings.event_bytes,
            custom_events=settings.custom_events,
            new_id=_new_id if settings.buffer_directory else None,
        ),
        stores,
        counts,
        Limits(settings.unpacked_bytes, settings.batch_events, settings.address == "truncated"),
        (Buckets(settings.rate), Buckets(settings.reject_rate)),
        (lambda: time.time_ns() // 1000, time.monotonic),
    )
    bodies = Bodies(settings.request_bytes, settings.held_bytes, settings.body_timeout.total_seconds())
    metrics.COLLECTOR_HELD_BYTES.set_function(lambda: bodies.held)
    return Application(collecting, who, cookies, bodies, settings.proxies, counts, log)


def _new_id(now_us: int) -> str:
    return ids.formatted(ids.uuid7(now_us // 1000, os.urandom(10)))


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    except OSError as failed:
        raise Stop(
            f"Port {port} of {host or 'all addresses'} cannot be opened ({failed}): set PULSE_COLLECTOR_PORT."
        ) from failed


def _server(settings: CollectorSettings, application: Application) -> _Server:
    return _Server(
        uvicorn.Config(
            application,
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=round(settings.shutdown_grace.total_seconds()),
            limit_concurrency=settings.connections,
            backlog=BACKLOG,
        )
    )


def _stop_on_signals(
    server: uvicorn.Server, pulse: _Pulse, delay_seconds: float, log: structlog.stdlib.BoundLogger
) -> None:
    """The first signal makes the collector unready, and after the delay it stops; a second one ends it at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        pulse.leaving = True
        log.info("collector_stopping", delay_seconds=delay_seconds)
        loop.call_later(delay_seconds, end)

    def end() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
