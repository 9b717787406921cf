"""Programs that run for as long as a test needs them, and waiting for what they do. Ends nothing it did not start."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kit.guardian import Guardian

from pulse_local import processes

START_SECONDS = 60.0
STOP_SECONDS = 20.0


@contextmanager
def running_process(words: Sequence[str | Path], log: Path, is_ready: Callable[[], bool]) -> Iterator[None]:
    """Runs the program for the length of the block, which begins when it is ready; what it prints goes to the log.

    It ends too when the test run is killed. `is_ready` may fail with an OSError as long as nothing answers.
    """
    guardian = Guardian()
    process = processes.start(Path(words[0]).name, words, log=log, env=os.environ, cwd=log.parent)
    guardian.watch(process)
    try:
        processes.wait_ready(process, lambda: _holds(is_ready), START_SECONDS)
        yield
    finally:
        processes.stop(process, STOP_SECONDS)
        guardian.dismiss()


@contextmanager
def repeating(look: Callable[[], object], period_seconds: float, name: str) -> Iterator[None]:
    """Looks again and again in a thread for the length of the block; what a look raised fails the block's end."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.wait(period_seconds):
                look()
        except BaseException as failed:  # noqa: BLE001 - told at the end of the block
            failures.append(failed)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not failures, failures


def wait_until(holds: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Returns once it holds; an OSError, as of a refused connection, counts as not yet. TimeoutError in the end."""
    if not processes.wait_until(lambda: _holds(holds), seconds):
        raise TimeoutError(f"Waited {seconds:.0f} s in vain until {what}.")


def _holds(what: Callable[[], bool]) -> bool:
    try:
        return what()
    except OSError:
        return False
