"""Starts many operators for the price of one: a process that has loaded the code forks whenever one is asked for.

What it starts is a process of its own like any other, but for the second that loading the code takes. All of them end
with the nursery, however it ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
END_SECONDS = 60.0


class Nursery:
    """The nursery as the tests see it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, words: list[str], environment: Mapping[str, str], log: Path, lease_seconds: int) -> Grown:
        """`pulse-operator WORDS`, with this environment and no other, and a Lease that lasts so long."""
        told = self.ask(
            {"words": words, "environment": dict(environment), "log": str(log), "lease_seconds": lease_seconds}
        )
        return Grown(self, told["pid"], log)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@dataclass
class Grown:
    """One process out of it."""

    nursery: Nursery
    pid: int
    log: Path
    code: int | None = None

    def signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)  # the nursery alone could have reaped it, and is asked by nobody else

    def poll(self) -> int | None:
        """Its exit code (minus the signal that killed it), or None while it runs."""
        if self.code is None:
            self.code = self.nursery.ask({"pid": self.pid})["code"]
        return self.code

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Its exit code; an AssertionError if it does not end."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"It does not end:\n{self.said()[-3000:]}"
            time.sleep(0.02)
        return code

    def said(self) -> str:
        """All that it logged."""
        return self.log.read_text() if self.log.exists() else ""


@contextmanager
def nursing() -> Iterator[Nursery]:
    """A nursery until the block ends."""
    words = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Nursery(process)
        finally:
            process.terminate()


def main() -> None:
    import confluent_kafka.admin  # noqa: F401 - loaded once for all
    import kopf  # noqa: F401

    from pulse_operator import drain, run  # noqa: F401

    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(_born(question) if "words" in question else _state(question["pid"])), flush=True)


def _born(question: dict[str, Any]) -> dict[str, int]:
    pid = os.fork()
    if pid == 0:
        _live(question)
    return {"pid": pid}


def _state(pid: int) -> dict[str, int | None]:
    found, status = os.waitpid(pid, os.WNOHANG)
    return {"code": os.waitstatus_to_exitcode(status) if found else None}


def _live(question: dict[str, Any]) -> None:
    """What the entry point of the image does."""
    from kubernetes.config import kube_config

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    code = 1
    try:
        log = os.open(question["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
            os.dup2(target, number)
        os.environ.clear()
        os.environ.update(question["environment"])
        sys.argv = ["pulse-operator", *question["words"]]
        # The official client read it when it was loaded.
        kube_config.KUBE_CONFIG_DEFAULT_LOCATION = question["environment"]["KUBECONFIG"]
        from pulse_operator import run
        from pulse_operator.__main__ import main as operator

        run.LEASE_SECONDS = question["lease_seconds"]

        code = operator()
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
