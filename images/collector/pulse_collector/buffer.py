"""Delivery with a disk behind it: while Kafka is away, what `deliver` returns from is on the disk, and goes on later.

In order: as long as anything waits on the disk, what comes lines up behind it; the last file is an exception, see
`_drain_the_rest`. Every event has an id before it comes here, so one that is sent twice, after a kill or an answer of
Kafka that got lost, is stored once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from pulse.adapters import metrics
from pulse.errors import KafkaUnavailable
from pulse_collector.frames import framed
from pulse_collector.spool import SEGMENT_BYTES, Spool
from pulse_collector.stores import BufferFull, Record, Stores, TooLargeForTopic

T = TypeVar("T")

LOOK_SECONDS, PAUSE_SECONDS = 0.1, 1.0
# How long a request waits at most for the last file to be drained, before it lines up on the disk after all.
HOLD_SECONDS = 1.0
# How long an end that was asked for waits for Kafka to take the rest. What it has not taken stays on the disk.
DRAIN_SECONDS = 5.0

_WRITTEN, _DRAINED, _REFUSED = (metrics.COLLECTOR_BUFFERED.labels(what) for what in ("written", "drained", "refused"))


class Buffered:
    """Made and used on one event loop; at most `most_bytes` wait on the disk."""

    def __init__(self, delivery: Stores, spool: Spool, most_bytes: int, log: structlog.stdlib.BoundLogger) -> None:
        self._delivery, self._spool, self._most_bytes, self._log = delivery, spool, most_bytes, log
        self._thread = ThreadPoolExecutor(1, "buffer")
        self._group: list[tuple[bytes, asyncio.Future[None]]] = []
        self._coming_bytes = 0  # given to `_write`, and not in the spool's account yet
        self._failure = ""
        self._open = asyncio.Event()  # while it is not set, what comes waits
        self._open.set()
        self._writing: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """As that of the delivery; what an earlier process left is drained from now on."""
        await self._delivery.start()
        if self._bytes:
            self._log.info("buffer_found", bytes=self._bytes)
        self._draining = asyncio.create_task(self._drain())

    @property
    def problem(self) -> str | None:
        """Why nothing can be taken now; None while Kafka or the disk can."""
        if self._bytes >= self._most_bytes:
            return f"the buffer is full; {self._delivery.problem or 'it is being drained'}"
        return (self._failure or None) if self._delivery.problem else None

    async def deliver(self, records: Sequence[Record]) -> int:
        """As that of the delivery, or once the records are on the disk. BufferFull if there is no room for them."""
        await self._open.wait()
        if not self._bytes:
            try:
                return await self._delivery.deliver(records)
            except TooLargeForTopic:
                raise
            except KafkaUnavailable as away:
                if not self._bytes:
                    self._log.warning("buffering_began", problem=str(away))
        await self._append(records)
        return 0

    @property
    def _bytes(self) -> int:
        return self._spool.bytes + self._coming_bytes

    # -- to the disk -------------------------------------------------------------------------------------------------

    async def _append(self, records: Sequence[Record]) -> None:
        data = framed(records)
        if self._bytes + len(data) > self._most_bytes:
            raise BufferFull("the buffer is full")
        self._coming_bytes += len(data)
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._group.append((data, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await stored
        _WRITTEN.inc(len(records))

    async def _write(self) -> None:
        """All that came while the last write was on its way is the next one: many requests, one wait for the disk."""
        while self._group:
            group, self._group = self._group, []
            data = b"".join(part for part, _ in group)
            failure: KafkaUnavailable | None = None
            try:
                await self._on_disk(self._spool.write, data)
                self._failure = ""
            except OSError as failed:
                if not self._failure:
                    self._log.error("buffer_write_failed", problem=str(failed))
                self._failure = f"the buffer cannot be written: {failed}"
                failure = KafkaUnavailable(self._failure)
            self._coming_bytes -= len(data)
            for _, stored in group:
                if not stored.done():
                    stored.set_exception(failure) if failure else stored.set_result(None)
        self._writing = None

    # -- and on to Kafka ---------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        while True:
            metrics.COLLECTOR_BUFFER_BYTES.set(self._spool.bytes)  # what is on its way would count twice for a moment
            try:
                if self._delivery.problem is None and self._spool.bytes > SEGMENT_BYTES:
                    await self._drain_oldest()
                elif self._delivery.problem is None and self._spool.bytes:
                    await self._drain_the_rest()
                elif self._failure:
                    await self._try_the_disk()
                else:
                    await asyncio.sleep(LOOK_SECONDS)
            except (KafkaUnavailable, OSError) as failed:
                self._log.warning("buffer_not_drained", problem=str(failed), bytes=self._bytes)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _try_the_disk(self) -> None:
        """Whoever looks at `problem` sends nothing until somebody has seen the disk work again."""
        with suppress(KafkaUnavailable):
            await self._append([])
        await asyncio.sleep(PAUSE_SECONDS)

    async def _drain_the_rest(self) -> None:
        """What comes meanwhile waits in memory: if it lined up, steady traffic would never be through with the disk."""
        self._open.clear()
        overdue = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._open.set)
        try:
            if self._writing is not None:
                await asyncio.wait([self._writing])
            while self._spool.bytes and not self._open.is_set():
                await self._drain_oldest()
        finally:
            overdue.cancel()
            self._open.set()

    async def _drain_oldest(self) -> None:
        segment = await self._on_disk(self._spool.oldest)
        if segment is None:
            return
        refused = await self._delivered(segment.records)
        if segment.cut_bytes:
            metrics.COLLECTOR_BUFFER_CUT.inc(segment.cut_bytes)
            self._log.warning("buffer_cut", file=segment.path.name, bytes=segment.cut_bytes)
        if refused:
            self._log.error("buffered_events_refused", file=segment.path.name, count=len(refused))
        await self._on_disk(self._spool.drop, segment, refused)
        _DRAINED.inc(len(segment.records) - len(refused))
        _REFUSED.inc(len(refused))
        if not self._bytes:
            self._log.info("buffer_drained")

    async def _delivered(self, records: Sequence[Record]) -> list[Record]:
        """Those that the topic is too small for; the others are stored."""
        try:
            await self._delivery.deliver(records)
        except TooLargeForTopic:
            if len(records) == 1:
                return list(records)
            half = len(records) // 2
            return await self._delivered(records[:half]) + await self._delivered(records[half:])
        return []

    async def _on_disk(self, work: Callable[..., T], *words: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *words)

    # -- the end -----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """For when nobody waits any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._bytes and not self._delivery.problem and self._draining:
                    await asyncio.sleep(LOOK_SECONDS)
        if self._draining is not None:
            self._draining.cancel()
            with suppress(asyncio.CancelledError):
                await self._draining
        self._thread.shutdown()
        self._spool.close()
        await self._delivery.close()
