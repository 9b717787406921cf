"""The way into Kafka: what `deliver` returns from is stored by all in-sync replicas, what it raises for is not claimed.

One idempotent producer, whose answers are fetched on the event loop itself. While Kafka is away nothing is handed over:
a request is told at once, and a look at the brokers every second finds out when they are back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from pulse.adapters import kafka, logs
from pulse.errors import KafkaUnavailable, Stop
from pulse.settings import KafkaSettings
from pulse_collector.stores import Record, TooLargeForTopic

# librdkafka sends the records of each partition in a request of their own, and so often: docs/benchmarks.md.
LINGER_MS = 20
QUEUE_RECORDS = 200_000
QUEUE_KIB = 128 * 1024
BATCH_BYTES = 512 * 1024
POLL_SECONDS, IDLE_POLL_SECONDS = 0.002, 0.2
LOOK_SECONDS, ANSWER_SECONDS = 1.0, 2.0
FIRST_ANSWER_SECONDS = 5.0

# Of one record, and no sign that Kafka is away.
_TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


class _Waiting:
    """The records of one request that are on their way."""

    __slots__ = ("failure", "left", "left_out", "sealed", "settled")

    def __init__(self, settled: asyncio.Future[None]) -> None:
        self.settled = settled
        self.left = self.left_out = 0
        self.sealed = False
        self.failure: KafkaError | None = None

    def report(self, error: KafkaError | None, _message: Any) -> None:
        self.left -= 1
        if error is not None and (self.failure is None or self.failure.code() == _TOO_LARGE):
            self.failure = error
        if self.sealed and not self.left and not self.settled.done():
            self.settled.set_result(None)

    def report_optional(self, error: KafkaError | None, message: Any) -> None:
        if error is not None and error.code() == _TOO_LARGE:
            self.left_out += 1
            error = None
        self.report(error, message)


class Delivery:
    """Made and used on one event loop."""

    def __init__(
        self, settings: KafkaSettings, topic: str, acknowledged_within: float, log: structlog.stdlib.BoundLogger
    ) -> None:
        self._settings, self._topic, self._log = settings, topic, log
        self._loop = asyncio.get_running_loop()
        self._timeout_seconds = acknowledged_within
        self._producer = self._new_producer()
        self._on_the_way = 0
        self._away = ""
        self._looking: asyncio.Task[None] | None = None
        self._broken = False
        self._timer: asyncio.TimerHandle | None = None
        self._turn()

    def _new_producer(self) -> Producer:
        return Producer(
            kafka.producer_config(
                self._settings,
                compression_type="lz4",
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                message_max_bytes=2 * 1024 * 1024,  # what is too large for the topic, the broker says
                queue_buffering_max_messages=QUEUE_RECORDS,
                queue_buffering_max_kbytes=QUEUE_KIB,
                message_timeout_ms=round(self._timeout_seconds * 1000),
                request_timeout_ms=min(30_000, round(self._timeout_seconds * 1000)),
                topic_metadata_refresh_interval_ms=30_000,
            )
            | {"error_cb": self._reported},
            logger=logs.of_library("librdkafka", self._log),
        )

    async def start(self) -> None:
        """Stop if Kafka answers and the topic is missing. That Kafka is away is no reason not to start."""
        try:
            found = await self._topics(FIRST_ANSWER_SECONDS)
        except KafkaException as failed:
            self._lost(failed.args[0].str())
            return
        if self._topic not in found:
            raise Stop(
                f"Kafka at {self._settings.bootstrap_servers} has no topic {self._topic}: create it, or mend "
                "PULSE_EVENTS_TOPIC."
            )

    @property
    def problem(self) -> str | None:
        """Why nothing can be delivered now; None while it can."""
        return self._away or None

    async def deliver(self, records: Sequence[Record]) -> int:
        """Returns once every record is stored, and how many were left out, as they may be, for their size.

        KafkaUnavailable: some may be stored and some not, so all have to be sent again.
        """
        if self._away:
            raise KafkaUnavailable(self._away)
        waiting = _Waiting(self._loop.create_future())
        self._hand_over(records, waiting)
        waiting.sealed = True
        if waiting.left:
            self._on_the_way += 1
            self._turn_soon()
            try:
                await waiting.settled
            finally:
                self._on_the_way -= 1
        if waiting.failure is not None:
            if waiting.failure.code() == _TOO_LARGE:
                raise TooLargeForTopic(f"Topic {self._topic}: {waiting.failure.str()}")
            self._lost(waiting.failure.str())
            raise KafkaUnavailable(f"Topic {self._topic}: {waiting.failure.str()}")
        return waiting.left_out

    def _hand_over(self, records: Iterable[Record], waiting: _Waiting) -> None:
        produce, topic = self._producer.produce, self._topic
        for key, value, headers, optional in records:
            report = waiting.report_optional if optional else waiting.report
            waiting.left += 1
            try:
                produce(topic, value, key, on_delivery=report, headers=headers)  # type: ignore[arg-type]  # a list
            except BufferError as full:
                raise KafkaUnavailable(f"Topic {topic}: the queue of the producer is full") from full
            except KafkaException as failed:
                report(failed.args[0], None)

    # -- answers -----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Fetches what Kafka has answered, and comes again: soon while somebody waits."""
        self._producer.poll(0)
        if self._broken:
            self._renew()
        self._timer = self._loop.call_later(POLL_SECONDS if self._on_the_way else IDLE_POLL_SECONDS, self._turn)

    def _turn_soon(self) -> None:
        if self._timer is not None and self._timer.when() - self._loop.time() > POLL_SECONDS:
            self._timer.cancel()
            self._timer = self._loop.call_later(POLL_SECONDS, self._turn)

    def _reported(self, error: KafkaError) -> None:
        """Runs inside poll."""
        if error.fatal():
            self._broken = True
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._look()

    def _renew(self) -> None:
        """An idempotent producer that can no longer keep its promise is of no use; its records are failed, not lost."""
        self._broken = False
        self._log.error("producer_replaced", topic=self._topic)
        old, self._producer = self._producer, self._new_producer()
        old.purge()
        old.poll(0)

    # -- outages -----------------------------------------------------------------------------------------------------

    def _lost(self, reason: str) -> None:
        if not self._away:
            self._log.warning("kafka_lost", topic=self._topic, problem=reason)
        self._away = f"Kafka at {self._settings.bootstrap_servers}: {reason}"
        self._look()

    def _look(self) -> None:
        """Asks the brokers until they answer. Where they do at once, nothing was the matter."""
        if self._looking is None or self._looking.done():
            self._looking = self._loop.create_task(self._look_until_back())

    async def _look_until_back(self) -> None:
        while True:
            try:
                await self._topics(ANSWER_SECONDS)
            except KafkaException as failed:
                if not self._away:
                    self._log.warning("kafka_lost", topic=self._topic, problem=failed.args[0].str())
                self._away = f"Kafka at {self._settings.bootstrap_servers}: {failed.args[0].str()}"
                await asyncio.sleep(LOOK_SECONDS)
            else:
                if self._away:
                    self._log.info("kafka_found", topic=self._topic)
                self._away = ""
                return

    async def _topics(self, seconds: float) -> Any:
        """Asks for all topics: asking for one may create it."""
        topics = await self._loop.run_in_executor(None, partial(self._producer.list_topics, timeout=seconds))
        return topics.topics

    # -- the end -----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """For when nobody waits any more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        if self._timer is not None:
            self._timer.cancel()
        await self._loop.run_in_executor(None, self._producer.flush, self._timeout_seconds)
