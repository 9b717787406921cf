"""One membership of the group: poll, decode, write, step aside. The shell around the pure parts.

The next batch is decoded on this thread while the one before is written on another; one write is in flight at most.
Kafka is called from this thread only. Whatever ends a session rolls back what was not committed, and the next session
reads the stored offsets again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from pulse.adapters import kafka, logs, metrics, postgres
from pulse.backoff import delays
from pulse.errors import BreakerOpen, KafkaUnavailable, Retry
from pulse.events import EventDecoder
from pulse.settings import ConsumerSettings
from pulse_consumer import failpoints, offsets, packer, subscription
from pulse_consumer.batch import Batch, Limits
from pulse_consumer.breaker import Breaker
from pulse_consumer.dlq import DeadLetterTopic, checked_message_bytes
from pulse_consumer.failpoints import Edge
from pulse_consumer.intake import Intake
from pulse_consumer.offsets import Source
from pulse_consumer.pump import Pump
from pulse_consumer.stall import StallWatch
from pulse_consumer.status import Status
from pulse_consumer.writer import Writer, Written

T = TypeVar("T")

# How long the loop waits for a full batch's turn before it pauses the partitions and polls on, to stay in the group.
PATIENCE_SECONDS = 1.0
TAKE_OVER_SECONDS = 60.0
# A write finds out by itself whether the partitions are still ours; an idle owner looks this often, so that neither a
# reset of the offsets nor an outage goes unnoticed until the next event.
CONFIRM_SECONDS = 3.0


class Session:
    """Joins the group on construction. Raises Retry when a new session may go on, Stop when a person has to act."""

    def __init__(
        self,
        settings: ConsumerSettings,
        log: structlog.stdlib.BoundLogger,
        status: Status,
        breaker: Breaker,
        stall: StallWatch,
    ) -> None:
        self._settings = settings
        self._log = log
        self._status = status
        self._breaker = breaker
        self._stall = stall
        self._stall.begin(time.monotonic())
        self._admin = kafka.admin(settings.kafka)
        self._source = Source(
            settings.topics.group, settings.topics.events, kafka.topic_id(self._admin, settings.topics.events)
        )
        self._limits = Limits(settings.batch_rows, settings.batch_bytes, settings.batch_linger)
        self._intake = self._new_intake()
        largest = checked_message_bytes(settings)
        library_log = logs.of_library("librdkafka", log)
        dead_letters = DeadLetterTopic(settings, largest, library_log)
        writer = Writer(
            settings.database.dsn,
            self._source,
            dead_letters.deliver,
            lambda: subscription.check_topic(self._admin, self._source),
        )
        writer.connection()  # before the group gives us partitions that we could not serve

        def break_off() -> None:
            dead_letters.break_off()
            writer.break_off()

        self._pump = Pump(writer, status, log, break_off)
        self._leaving = False
        self._batch = Batch(time.monotonic())
        self._paused = False
        self._confirmed_at = 0.0
        self._failure: Exception | None = None
        self._kafka: Consumer = subscription.consumer(settings, largest, library_log)
        self._kafka.subscribe(
            [self._source.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        metrics.CONSUMER_SESSIONS.inc()

    def _new_intake(self) -> Intake:
        name, custom = packer.chosen(self._settings.packer), self._settings.custom_events
        plain_rows = packer.plain_rows(name, self._source.topic_id, custom_events=custom)
        return Intake(EventDecoder(custom_events=custom), self._source.topic_id, plain_rows)

    def run(self, stop: threading.Event) -> None:
        """Turns until `stop` is set, then finishes what was read. BreakerOpen if that shows too many bad records."""
        while not stop.is_set():
            self._turn()
        self._flush(self._settings.shutdown_grace.total_seconds())
        self._raise_kept()

    def close(self) -> None:
        """Leaves the group and gives everything up that is not committed. Says what failed and nobody was told."""
        self._leaving = True
        try:
            self._kafka.close()
        except (KafkaException, RuntimeError) as failed:
            self._log.warning("leaving_the_group_failed", problem=str(failed))
        self._pump.close()
        metrics.CONSUMER_PARTITIONS.set(0)
        if self._failure is not None:
            self._log.warning("failure_was_kept", problem=str(self._failure))

    def _turn(self) -> None:
        self._status.turned()
        self._collect()
        self._raise_kept()
        if not self._pump.busy:
            self._write_or_confirm()
        room = self._batch.room(self._limits)
        if room == 0:
            self._hold()
        else:
            self._poll(room, self._limits.linger.total_seconds())
            self._look_for_a_stall()

    def _write_or_confirm(self) -> None:
        """Hands the batch over if it is due; an owner with nothing to write looks whether it still is the owner."""
        now = time.monotonic()
        if self._batch.due(self._limits, now):
            self._submit()
        elif not self._batch.parts and now - self._confirmed_at > CONFIRM_SECONDS:
            self._confirmed_at = now
            positions = self._intake.positions.items()
            self._pump.confirm({number: replace(position) for number, position in positions})

    def _poll(self, room: int, seconds: float) -> None:
        was_empty = not self._batch.parts
        messages = self._guarded(lambda: self._kafka.consume(room, seconds))
        self._raise_kept()
        found = subscription.records(messages)
        if was_empty:
            self._batch.started_at = time.monotonic() - (seconds if len(found) < room else 0.0)
        if found:
            failpoints.passed(Edge.CONSUMED)
        self._intake.add(self._batch, found)

    def _look_for_a_stall(self) -> None:
        """KafkaUnavailable if records wait in a partition and none came for long: another client has to be made."""
        held = {number: position.next_offset for number, position in self._intake.positions.items()}
        silent = self._stall.silent(held, time.monotonic())
        if not silent:
            return
        try:
            ends = subscription.ends(self._settings.kafka, self._source.topic, silent)
        except KafkaUnavailable:
            return  # nobody can read; looked again later
        waiting = self._stall.unread(silent, ends)
        if waiting:
            raise KafkaUnavailable(
                f"The Kafka client delivers nothing although {sum(waiting.values())} records wait in partitions "
                f"{sorted(waiting)}. A new one is made."
            )

    def _hold(self) -> None:
        """The batch is full and the one before is still being written: wait, and poll on if that takes long."""
        if self._pump.wait(0.0 if self._paused else PATIENCE_SECONDS):
            return
        if not self._paused:
            self._paused = True
            self._guarded(lambda: self._kafka.pause(self._kafka.assignment()))
            self._log.warning("reading_paused", reason="the database does not keep up or is away")
        self._poll(1, 0.25)

    def _collect(self) -> None:
        """Takes the result of a write that is done: tells Kafka, counts, resumes."""
        result = self._pump.collect()
        if result is None:
            return
        written, seconds = result
        self._status.committed(written, seconds)
        self._report(written, seconds)
        self._weigh(written)
        self._commit_to_kafka(written)
        failpoints.passed(Edge.TOLD)
        if self._paused:
            self._paused = False
            self._guarded(lambda: self._kafka.resume(self._kafka.assignment()))
            self._stall.begin(time.monotonic())
            self._log.info("reading_resumed")

    def _report(self, written: Written, seconds: float) -> None:
        total = written.total()
        self._log.info(
            "batch_committed",
            inserted=total.inserted,
            duplicate=total.duplicate,
            conflict=total.conflict,
            dead=total.dead,
            copied=written.copied,
            seconds=round(seconds, 3),
            next_offsets=written.next_offsets,
        )
        again = written.refused_again()
        if again:
            self._log.warning(
                "redrive_refused",
                count=len(again),
                most_attempts=max(letter.attempt for letter in again),
                classes=sorted({letter.code for letter in again}),
            )

    def _weigh(self, written: Written) -> None:
        """Counts a committed batch for the circuit breaker. A breaker that opens is kept: the flush goes on first."""
        try:
            self._breaker.note(written.total().read, len(written.blamed()))
        except BreakerOpen as opened:
            self._failure = self._failure or opened

    def _commit_to_kafka(self, written: Written) -> None:
        """For lag tools only: the stored offsets are the truth, so a refused commit loses nothing."""
        places = [TopicPartition(self._source.topic, number, offset) for number, offset in written.next_offsets.items()]
        try:
            self._kafka.commit(offsets=places, asynchronous=True)
            for place in places:
                _, high = self._kafka.get_watermark_offsets(place, cached=True)
                metrics.CONSUMER_LAG.labels(str(place.partition)).set(max(0, high - place.offset))
        except (KafkaException, RuntimeError) as failed:
            self._log.info("kafka_commit_skipped", problem=str(failed))

    def _submit(self) -> None:
        batch, self._batch = self._batch, Batch(time.monotonic())
        failpoints.passed(Edge.DECODED)
        self._pump.submit(batch)

    def _flush(self, seconds: float) -> None:
        """Finishes the write in flight, then writes what was read, both within `seconds`; what is late is given up."""
        deadline = time.monotonic() + seconds
        for _ in range(2):
            if not self._pump.wait(deadline - time.monotonic()):
                self._log.warning("flush_gave_up", seconds=seconds)
                return
            self._collect()
            if self._batch.parts:
                self._submit()

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [place.partition for place in partitions]
        with self._failures_kept():
            taken = self._take_over(numbers)
            if taken:
                failpoints.passed(Edge.TAKEN)
            self._intake.positions.update(taken)
            for place in partitions:
                place.offset = taken[place.partition].next_offset
            self._kafka.incremental_assign(partitions)
            if partitions:
                # The client keeps partitions paused that it lost and gets again: said anew, either way.
                (self._kafka.pause if self._paused else self._kafka.resume)(partitions)
            self._owned("assigned", numbers)
            self._status.working()

    def _take_over(self, numbers: list[int]) -> dict[int, offsets.Position]:
        deadline = time.monotonic() + TAKE_OVER_SECONDS
        for delay in delays(random.random):
            try:
                log_bounds = subscription.bounds(self._settings.kafka, self._source.topic, numbers)
                with (
                    postgres.connect(self._settings.database.dsn, "pulse-consumer", **offsets.SESSION) as connection,
                    postgres.translating("Taking partitions over"),
                ):
                    return offsets.take(connection, self._source, log_bounds)
            except Retry as failed:
                self._status.failing(str(failed))
                if time.monotonic() + delay > deadline:
                    raise
                time.sleep(delay)
        raise AssertionError("delays are endless")

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._failures_kept():
            if not self._leaving:
                self._flush(self._settings.shutdown_grace.total_seconds())
                failpoints.passed(Edge.FLUSHED)
        with self._failures_kept():
            self._forget("revoked", partitions)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._failures_kept():
            self._forget("lost", partitions)

    @contextmanager
    def _failures_kept(self) -> Iterator[None]:
        """For the library's callbacks: what fails is raised by the next poll.

        confluent-kafka 2.16 forgets the records at hand when a callback raises, and librdkafka's close() then waits
        for them for ever.
        """
        try:
            yield
        except Exception as failed:  # noqa: BLE001 - raised by the next poll
            self._failure = self._failure or failed

    def _forget(self, change: str, partitions: list[TopicPartition]) -> None:
        numbers = [place.partition for place in partitions]
        for number in numbers:
            self._intake.positions.pop(number, None)
            self._batch.drop(number)
        self._owned(change, numbers)

    def _owned(self, change: str, numbers: list[int]) -> None:
        metrics.CONSUMER_PARTITIONS.set(len(self._intake.positions))
        self._log.info("partitions_changed", change=change, partitions=numbers, owned=sorted(self._intake.positions))

    def _raise_kept(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _guarded(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except KafkaException as failed:
            subscription.raise_for(failed.args[0])
            raise
