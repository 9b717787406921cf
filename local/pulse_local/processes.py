"""Starts background processes, knows them again later, and stops them.

A process is known by its pid and its start, so that a pid which the system gave to another program is never touched.
Each gets a session of its own: a Ctrl-C in the terminal reaches only the command that the person typed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulse.errors import Stop

POLL_SECONDS = 0.05
KILL_WAIT_SECONDS = 10.0
_LOG_TAIL_LINES = 8

# Children of this very process, kept so that they are reaped when they end.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was started: enough to find it again from another run of the command."""

    name: str
    pid: int
    started: str
    log: str
    stop_signal: int = signal.SIGTERM


@dataclass(frozen=True, slots=True)
class User:
    """The system user that a process runs as."""

    name: str
    uid: int
    gid: int


def start(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    user: User | None = None,
    stop_signal: int = signal.SIGTERM,
) -> Process:
    """Starts the program in the background, its output appended to `log`."""
    words = [str(word) for word in argv]
    with log.open("ab") as out:
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
            )
        except OSError as failed:
            raise Stop(f"{name} cannot be started: {words[0]}: {failed.strerror}.") from failed
    _children[child.pid] = child
    return Process(name, child.pid, _start_mark(child.pid) or "", str(log), int(stop_signal))


def is_running(process: Process) -> bool:
    """Whether this very process still runs."""
    child = _children.get(process.pid)
    if child is not None and child.poll() is not None:
        del _children[process.pid]
        return False
    return bool(process.started) and _start_mark(process.pid) == process.started


def stop(process: Process, grace_seconds: float = 30.0) -> bool:
    """Asks the process to end, and kills its group when it has not after the grace; False if it had to be killed."""
    if not is_running(process):
        return True
    _signal(process.pid, process.stop_signal)
    if wait_until(lambda: not is_running(process), grace_seconds):
        return True
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return True
    wait_until(lambda: not is_running(process), KILL_WAIT_SECONDS)
    return False


def wait_until(is_so: Callable[[], bool], timeout_seconds: float, poll_seconds: float = POLL_SECONDS) -> bool:
    """Polls until it is so; False when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_seconds)
    return True


def wait_ready(process: Process, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
    """Returns when the process is ready; Stop with the end of its log when it ended or took too long."""
    ended = False

    def settled() -> bool:
        nonlocal ended
        ended = not is_running(process)
        return ended or is_ready()

    in_time = wait_until(settled, timeout_seconds)
    if in_time and not ended:
        return
    what = "ended while it started" if ended else f"was not ready within {timeout_seconds:.0f} s"
    raise Stop(f"{process.name} {what}. The end of {process.log}:\n{log_tail(Path(process.log))}")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Lets a stop come to its end: a second Ctrl-C inside would leave processes behind."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def log_tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """The last lines of a log file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - max(16_384, lines * 512)))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def program(pid: int) -> str | None:
    """The name of the program that runs under the pid; None if none does, or only its remains."""
    found = _looked_up(pid)
    return found[0] if found else None


def _start_mark(pid: int) -> str | None:
    """What tells this process from any other that had or will have its pid; None if it does not run."""
    found = _looked_up(pid)
    return found[1] if found else None


def _looked_up(pid: int) -> tuple[str, str] | None:
    """The program and the start of a process that runs."""
    if not Path("/proc/self/stat").exists():
        return _looked_up_with_ps(pid)
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return None
    state, start = tail.split()[0], tail.split()[19]
    if state in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return head.partition("(")[2], f"{boot}/{start}"


def _looked_up_with_ps(pid: int) -> tuple[str, str] | None:
    words = ["ps", "-o", "stat=,lstart=,comm=", "-p", str(pid)]
    listed = subprocess.run(words, capture_output=True, text=True, check=False)
    words_of_it = listed.stdout.split(maxsplit=6)  # the start is five words
    if len(words_of_it) < 7 or words_of_it[0].startswith("Z"):
        return None
    return words_of_it[6].strip(), " ".join(words_of_it[1:6])
