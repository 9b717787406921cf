"""A consumer's session in this process, for tests that have to reach into it."""

from __future__ import annotations

import threading

import structlog

from kit.pipeline import Pipeline
from pulse_consumer.breaker import Breaker
from pulse_consumer.session import Session
from pulse_consumer.stall import StallWatch
from pulse_consumer.status import Status


class Running:
    """A session in a thread; how it ended. Its client can be made deaf."""

    def __init__(
        self,
        pipeline: Pipeline,
        watch: StallWatch | None = None,
        log: structlog.stdlib.BoundLogger | None = None,
    ) -> None:
        settings = pipeline.settings()
        breaker = Breaker(settings.breaker_ratio, settings.breaker_window)
        self.session = Session(settings, log or structlog.stdlib.get_logger(), Status(), breaker, watch or StallWatch())
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
