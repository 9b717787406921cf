"""Programs that run for as long as a test needs them, and waiting for what they do. Ends nothing it did not start."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 20.0


@contextmanager
def running_process(words: Sequence[object], log: Path) -> Iterator[None]:
    """Runs the program for the length of the block; what it prints goes to the log file."""
    with log.open("wb") as out:
        process = subprocess.Popen([str(word) for word in words], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(holds: Callable[[], bool], what: str, log: Path | None = None, seconds: float = START_SECONDS) -> None:
    """Returns once it holds; a refused connection counts as not yet. In the end it gives up and shows the log's end."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            tail = f":\n{log.read_text()[-3000:]}" if log else "."
            raise TimeoutError(f"Waited {seconds:.0f} s in vain until {what}{tail}")
        time.sleep(0.2)
