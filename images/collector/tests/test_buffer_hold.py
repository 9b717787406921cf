"""What comes while the last file of the buffer is drained. Kafka is a stand-in: it has to hang at a given moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from pulse.errors import KafkaUnavailable
from pulse_collector import buffer as module
from pulse_collector.buffer import Buffered
from pulse_collector.spool import Spool
from pulse_collector.stores import Record


class HangingKafka:
    """As `Stores` says, with a switch: away, or there and answering once it is told to."""

    def __init__(self) -> None:
        self.problem: str | None = "away"
        self.answers = asyncio.Event()
        self.asked: list[Record] = []
        self.stored: list[Record] = []

    async def start(self) -> None: ...

    async def deliver(self, records: Sequence[Record]) -> int:
        if self.problem:
            raise KafkaUnavailable(self.problem)
        self.asked += records
        await self.answers.wait()
        self.stored += records
        return 0

    async def close(self) -> None: ...


def record(number: int) -> Record:
    return Record(b"key", b"value %d" % number)


async def _one_on_the_disk_and_one_after_it(directory: Path, kafka: HangingKafka) -> tuple[Buffered, asyncio.Task[int]]:
    """A buffer whose only record Kafka is asked to take, and a request that came just then."""
    buffer = Buffered(kafka, Spool(directory), 1024 * 1024, structlog.stdlib.get_logger())
    await buffer.start()
    await buffer.deliver([record(1)])
    kafka.problem = None
    while not kafka.asked:
        await asyncio.sleep(0.01)
    after = asyncio.create_task(buffer.deliver([record(2)]))
    await asyncio.sleep(0)
    return buffer, after


def test_it_waits_and_goes_to_kafka_right_behind_the_last_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOLD_SECONDS", 600.0)

    async def story() -> None:
        kafka = HangingKafka()
        buffer, after = await _one_on_the_disk_and_one_after_it(tmp_path, kafka)
        assert kafka.asked == [record(1)], "it overtook nobody"
        kafka.answers.set()
        await after
        assert kafka.stored == [record(1), record(2)]
        assert [path.name for path in tmp_path.iterdir()] == ["lock"], "nothing was written for it"
        await buffer.close()

    asyncio.run(story())


def test_where_kafka_hangs_it_is_put_on_the_disk_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOLD_SECONDS", 0.05)

    async def story() -> None:
        kafka = HangingKafka()
        buffer, after = await _one_on_the_disk_and_one_after_it(tmp_path, kafka)
        await after
        assert kafka.stored == []
        assert kafka.asked == [record(1)]
        kafka.answers.set()
        await buffer.close()
        assert kafka.stored == [record(1), record(2)]

    asyncio.run(story())
