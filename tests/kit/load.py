"""Traffic for a collector, and what has to be true of it afterwards."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

from kit.collector import EVENTS, JSON, Running, asked, event, ids_of, in_topic
from kit.pipeline import Pipeline


class Load:
    """Threads that post small batches, each again and again until it is answered with 202 or told to end."""

    def __init__(self, running: Running, threads: int = 4, batch: int = 5) -> None:
        self._running, self._batch = running, batch
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self, thread: int) -> None:
        number = thread * 10_000_000
        connection = self._running.connection()
        events: list[dict[str, Any]] = []
        while not self._stop.is_set():
            events = events or [event(number + place) for place in range(self._batch)]
            try:
                reply = asked(connection, "POST", EVENTS, json.dumps({"batch": events}).encode(), JSON)
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.01)
                continue
            self.statuses.add(reply.status)
            if reply.status == 202:
                self.acknowledged += [one["event_id"] for one in events]
                number, events = number + self._batch, []
        connection.close()

    def goes_on(self, pipeline: Pipeline, events: int = 1_000) -> None:
        """Returns once so many more events were answered with 202."""
        already = len(self.acknowledged)
        pipeline.wait_for(lambda: len(self.acknowledged) >= already + events, lambda: self.statuses)

    def end(self) -> None:
        """Nothing is sent any more once it returns."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def assert_stored_once(pipeline: Pipeline, acknowledged: list[str]) -> None:
    """Every event that was answered with 202 is in the topic, and in raw.events once; nothing else became of any.

    A consumer runs.
    """
    pipeline.wait_until_caught_up()
    sent = ids_of(in_topic(pipeline))
    stored = [str(one) for (one,) in pipeline.rows("select event_id from raw.events")]
    lost = set(acknowledged) - set(stored)
    assert not lost, f"{len(lost)} of {len(acknowledged)} that were answered with 202 are not stored"
    assert sorted(stored) == sorted(set(sent))
    sums = pipeline.sums()
    assert (sums["inserted"], sums["duplicate"]) == (len(stored), len(sent) - len(stored))
    assert (sums["conflict"], sums["dead"]) == (0, 0)
