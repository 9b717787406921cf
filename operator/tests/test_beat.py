"""Liveness: whatever stops turning is told, and who waits for the Lease has nothing to turn."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from pulse_operator.beat import LOOP_SECONDS, OVERDUE_SECONDS, SCALER_SECONDS, Beat
from pulse_operator.lag import LagReader
from pulse_operator.scaler import Scaler
from pulse_operator.work import Work


class Process:
    """The loops of an operator and the clock that all of them read. The lag is never asked for."""

    def __init__(self) -> None:
        self.now = 50.0
        self.work: Work[tuple[str, str]] = Work(self.clock)
        self.scaler = Scaler(cast(LagReader, None), 10.0, self.clock, lambda _: None)
        self.beat = Beat(self.clock)

    def clock(self) -> float:
        return self.now

    def turn(self) -> None:
        """One turn of the loops of beat and scaler; there is no pipeline to ask about."""

        async def main() -> None:
            loops: list[asyncio.Task[Any]] = [
                asyncio.create_task(self.beat.run()),
                asyncio.create_task(self.scaler.run()),
            ]
            await asyncio.sleep(0)
            for loop in loops:
                loop.cancel()

        asyncio.run(main())


def leading() -> Process:
    process = Process()
    process.beat.watch(process.work, process.scaler)
    process.beat.knows()
    return process


def test_who_waits_for_the_lease_is_alive_and_ready() -> None:
    process = Process()
    process.now += 100_000
    assert process.beat.alive() is None
    assert process.beat.ready() is None


def test_the_beat_counts_from_the_lease_on() -> None:
    process = Process()
    process.now += 100_000
    process.turn()
    process.now += LOOP_SECONDS + 1
    process.beat.watch(process.work, process.scaler)
    assert process.beat.alive() is None


def test_who_has_not_listed_the_pipelines_is_alive_and_not_ready() -> None:
    process = Process()
    process.beat.watch(process.work, process.scaler)
    assert process.beat.alive() is None
    assert process.beat.ready() == "The pipelines have not been listed yet."
    process.beat.knows()
    assert process.beat.ready() is None


def test_a_loop_that_turns_is_alive() -> None:
    process = leading()
    for _ in range(10):
        process.now += LOOP_SECONDS
        process.turn()
        assert process.beat.alive() is None


def test_a_frozen_loop_is_not() -> None:
    process = leading()
    process.now += LOOP_SECONDS + 1
    assert process.beat.alive() == "The event loop has not turned for 61 s."
    assert process.beat.ready() == process.beat.alive()


def test_work_that_nobody_takes_up_is_told() -> None:
    process = leading()
    process.work.add(("web", "shop"))
    process.now += OVERDUE_SECONDS
    process.turn()
    assert process.beat.alive() is None
    process.now += 1
    assert process.beat.alive() == "A pipeline has been due for 181 s, and nobody looks at it."
    process.work.drop(("web", "shop"))
    assert process.beat.alive() is None


def test_work_that_is_due_later_is_not_overdue() -> None:
    process = leading()
    process.work.add(("web", "shop"), after=300)
    process.now += OVERDUE_SECONDS + 100
    process.turn()
    assert process.beat.alive() is None


def test_a_silent_scaler_is_told() -> None:
    process = leading()
    process.now += SCALER_SECONDS + 1

    async def only_the_beat() -> None:
        beating = asyncio.create_task(process.beat.run())
        await asyncio.sleep(0)
        beating.cancel()

    asyncio.run(only_the_beat())
    assert process.beat.alive() == "The lag has not been looked at for 121 s."
    process.turn()
    assert process.beat.alive() is None
