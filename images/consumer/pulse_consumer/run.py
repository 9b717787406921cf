"""The consumer as a process: sessions one after the other until it is told to stop."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import structlog

from pulse.adapters import logs, metrics
from pulse.adapters.health import HealthServer
from pulse.adapters.lifecycle import stop_requested
from pulse.backoff import delays
from pulse.errors import DatabaseClosed, Retry
from pulse.settings import ConsumerSettings
from pulse_consumer import failpoints, packer
from pulse_consumer.breaker import Breaker
from pulse_consumer.session import Session
from pulse_consumer.stall import StallWatch
from pulse_consumer.status import Status


def run(settings: ConsumerSettings) -> None:
    """Consumes until SIGTERM or SIGINT, then finishes the batch it holds. Raises Stop when a person has to act."""
    failpoints.arm(settings.failpoint)
    log = logs.configure(settings.log, "consumer").bind(group=settings.topics.group)
    stop = stop_requested()
    status = Status()
    health = HealthServer(settings.health_port, status.alive, status.ready)
    chosen = packer.chosen(settings.packer)
    metrics.CONSUMER_PACKER.labels(chosen).set(1)
    log.info(
        "consumer_started",
        topic=settings.topics.events,
        health_port=health.port,
        packer=chosen,
    )
    breaker, stall = Breaker(settings.breaker_ratio, settings.breaker_window), StallWatch()
    waits = delays(random.random)
    try:
        while not stop.is_set():
            waits = _one_session(settings, log, status, (breaker, stall), stop, waits)
    finally:
        health.close()
    log.info("consumer_stopped")


def _one_session(
    settings: ConsumerSettings,
    log: structlog.stdlib.BoundLogger,
    status: Status,
    lasting: tuple[Breaker, StallWatch],
    stop: threading.Event,
    waits: Iterator[float],
) -> Iterator[float]:
    """Runs a session to its end; `lasting` is what it leaves to the next.

    Returns the waits before the next one, shorter again after a session that came to work.
    """
    session: Session | None = None
    try:
        session = Session(settings, log, status, *lasting)
        session.run(stop)
    except (Retry, DatabaseClosed) as failed:
        status.turned()
        worked = status.ready() is None
        status.failing(str(failed))
        waits = delays(random.random) if worked else waits
        delay = next(waits)
        log.warning("session_ended", problem=str(failed), retry_in_seconds=round(delay, 2))
        if session is not None:
            session.close()
            session = None
        stop.wait(delay)
    finally:
        if session is not None:
            session.close()
    return waits
