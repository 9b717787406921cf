"""A consumer's session in this process, for tests that have to reach into it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from kit.pipeline import PATIENCE_SECONDS, Pipeline
from pulse_consumer.breaker import Breaker
from pulse_consumer.session import Session
from pulse_consumer.stall import StallWatch
from pulse_consumer.status import Status


def new_session(
    pipeline: Pipeline,
    watch: StallWatch | None = None,
    log: structlog.stdlib.BoundLogger | None = None,
    **changes: Any,
) -> Session:
    """A session that has joined its group. `changes` are settings of the consumer."""
    settings = pipeline.settings(**changes)
    breaker = Breaker(settings.breaker_ratio, settings.breaker_window)
    return Session(settings, log or structlog.stdlib.get_logger(), Status(), breaker, watch or StallWatch())


class Stepped:
    """A session whose loop turns only when the test says so, in the test's own thread."""

    def __init__(self, pipeline: Pipeline, **changes: Any) -> None:
        self.session = new_session(pipeline, **changes)

    def turn_until(self, condition: Callable[[], bool]) -> None:
        """Turns until the condition holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "turned in vain"
            self.session._turn()

    def finish(self) -> None:
        """What a session does that was told to stop; raises what that raises. It is closed in any case."""
        told = threading.Event()
        told.set()
        try:
            self.session.run(told)
        finally:
            self.session.close()


class Running:
    """A session in a thread; how it ended. Its client can be made deaf."""

    def __init__(
        self,
        pipeline: Pipeline,
        watch: StallWatch | None = None,
        log: structlog.stdlib.BoundLogger | None = None,
    ) -> None:
        self.session = new_session(pipeline, watch, log)
        self.stop = threading.Event()
        self.failure: Exception | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.session.run(self.stop)
        except Exception as failed:  # noqa: BLE001 - told as `failure`
            self.failure = failed

    def deafen(self, *partitions: int) -> None:
        """As a client that lost a broker: it is in its group, and delivers nothing of these partitions, or of all."""
        client = self.session._kafka
        client.pause([place for place in client.assignment() if not partitions or place.partition in partitions])

    def end(self) -> None:
        """Asks it to stop and closes it; fails if either takes longer than a minute."""
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), "the session does not stop"
        closing = threading.Thread(target=self.session.close, daemon=True)
        closing.start()
        closing.join(60)
        assert not closing.is_alive(), "the session does not close"
