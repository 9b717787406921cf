"""The consumer's lag in records: the ends of the log from Kafka, asked by a thread of its own.

A broker that is away takes its time to be away; the page must not wait for it. So the page gets the last answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from structlog.stdlib import BoundLogger

from pulse.adapters import kafka
from pulse.errors import PulseError
from pulse.settings import KafkaSettings, TopicSettings

EVERY_SECONDS = 5.0
# An answer that is older says nothing about now.
GOOD_FOR_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Log:
    """The first and the next offset of every partition of the events topic."""

    starts: Mapping[int, int]
    ends: Mapping[int, int]


class LagWatch:
    """Looks at the log until `stop`."""

    def __init__(self, settings: KafkaSettings, topics: TopicSettings, log: BoundLogger) -> None:
        self.topics = topics
        self._settings = settings
        self._log = log
        self._seen: tuple[float, Log] | None = None
        self._problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lag", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; an answer that is still awaited is left to itself."""
        self._stop.set()

    def seen(self) -> Log | None:
        """The log as it was a moment ago; None if Kafka has not answered for a minute."""
        if self._seen is None or time.monotonic() - self._seen[0] > GOOD_FOR_SECONDS:
            return None
        return self._seen[1]

    def _watch(self) -> None:
        client = kafka.admin(self._settings)
        while not self._stop.is_set():
            try:
                ends = Log(*kafka.log_ends(client, self.topics.events))
                self._seen, self._problem = (time.monotonic(), ends), ""
            except PulseError as failed:
                if str(failed) != self._problem:
                    self._log.warning("lag_unknown", problem=str(failed))
                self._problem = str(failed)
                client = kafka.admin(self._settings)  # one that lost its broker may not find another
            self._stop.wait(EVERY_SECONDS)


def lag(log: Log, stored: Mapping[int, int]) -> int:
    """Records in the log that are not stored yet; a partition that was never read counts from its start."""
    return sum(max(0, end - stored.get(partition, log.starts.get(partition, 0))) for partition, end in log.ends.items())
