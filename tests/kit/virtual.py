"""An event loop whose time passes as soon as nothing else is to be done: hours of waiting take no time in a test."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Waits for nothing; the time that it was asked to wait counts as passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if not found and timeout is None:
            raise RuntimeError("everybody waits for something that will never happen")
        if not found and timeout:
            self.passed += timeout
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._passing = _Selector()
        super().__init__(self._passing)

    def time(self) -> float:
        return self._passing.passed


def clock() -> float:
    """The time of the running loop, in seconds since it began."""
    return asyncio.get_running_loop().time()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run. Threads have no place in it: their work takes real time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


async def during(seconds: float, *parts: Coroutine[Any, Any, Any]) -> None:
    """Lets endless work go on for so long; what it raises is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    done, going = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)
    for task in done:
        task.result()
