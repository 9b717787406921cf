"""Schedules carried out one after the other on servers that a campaign starts, or on several side by side."""

from __future__ import annotations

import math
import multiprocessing
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from pathlib import Path

from kit.guardian import Guardian

from chaos.run import Result, one_run
from chaos.schedule import Schedule
from chaos.servers import Servers
from pulse_local.scratch import throw_away_paths

JOIN_SECONDS = 120.0  # within which a job has ended its servers


def campaign(plans: Sequence[Schedule], logs: Path, minutes: float = math.inf, jobs: int = 1) -> Iterator[Result]:
    """Carries the schedules out, so many (`jobs`) at the same time, each job on servers of its own.

    A result comes as soon as its run has ended; no run is begun after so many minutes. Of a run that was broken all
    logs are kept, in a directory of its number below `logs`.
    """
    wanted = _until(time.monotonic() + minutes * 60, plans)
    return one_by_one(wanted, logs) if jobs == 1 else _side_by_side(wanted, logs, jobs)


def one_by_one(plans: Iterable[Schedule], logs: Path) -> Iterator[Result]:
    """One job. It takes new servers after a run that was broken: it may have left them in any state."""
    guardian = Guardian()
    try:
        with ExitStack() as running:
            servers: Servers | None = None
            for plan in plans:
                servers = servers or running.enter_context(_servers(guardian))
                result = _logged_run(servers, plan, logs)
                yield result
                if result.problem:
                    running.close()
                    servers = None
    finally:
        guardian.dismiss()


def _side_by_side(plans: Iterable[Schedule], logs: Path, jobs: int) -> Iterator[Result]:
    # Processes, so that the interpreter's lock does not make one job's proxies wait for another's.
    context = multiprocessing.get_context("spawn")
    told: Queue[Schedule | None] = context.Queue()
    results: Queue[Result | None] = context.Queue()
    each = [context.Process(target=_job, args=(told, results, logs), name=f"job {n}") for n in range(1, jobs + 1)]
    todo = iter(plans)
    try:
        for process in each:
            process.start()
            told.put(next(todo, None))
        working = jobs
        while working:
            result = _next(results, each)
            if result is None:
                working -= 1
            else:
                told.put(next(todo, None))
                yield result
    finally:
        _end(each)


def _next(results: Queue[Result | None], each: Sequence[SpawnProcess]) -> Result | None:
    while results.empty():
        failed = [process for process in each if process.exitcode]
        if failed:
            raise RuntimeError(f"{failed[0].name} ended with exit code {failed[0].exitcode}: see what it wrote above")
        time.sleep(0.2)
    return results.get()


def _end(each: Sequence[SpawnProcess]) -> None:
    """Interrupts those that still work, so that they end their servers first."""
    for process in each:
        if process.pid and process.is_alive():
            process.terminate()
    for process in each:
        if process.pid:
            process.join(JOIN_SECONDS)


def _job(told: Queue[Schedule | None], results: Queue[Result | None], logs: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        for result in one_by_one(iter(told.get, None), logs):
            results.put(result)
        results.put(None)
    except KeyboardInterrupt:  # whoever stopped the campaign is told by its first process
        results.cancel_join_thread()


def _until(deadline: float, plans: Sequence[Schedule]) -> Iterator[Schedule]:
    for plan in plans:
        if time.monotonic() > deadline:
            return
        yield plan


@contextmanager
def _servers(guardian: Guardian) -> Iterator[Servers]:
    with throw_away_paths("chaos") as paths, closing(Servers(paths, guardian)) as servers:
        yield servers


def _logged_run(servers: Servers, plan: Schedule, logs: Path) -> Result:
    directory = logs / str(plan.run)
    directory.mkdir()
    result = one_run(servers, plan, directory, lambda line: print(f"  run {plan.run}: {line}", flush=True))
    if result.problem:
        servers.keep_logs(directory)
    else:
        shutil.rmtree(directory)
    return result
