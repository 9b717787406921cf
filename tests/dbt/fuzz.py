"""`python -m tests.dbt.fuzz`: thousands of histories cut into runs; fails unless the tables are exact after each.

Starts a Postgres of its own on a free port and leaves nothing behind. Exit code 0: every history came out exact; 1: one
did not, and what differs and how to see it again is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import psycopg
from kit.guardian import Guardian

from pulse_local.services import postgres

from . import warehouse
from .cutting import cut
from .exactness import Judge, recordings
from .recording import Recording

RECORDED = "recorded"
PROGRESS_EVERY = 100

_judge: Judge


def main(words: Sequence[str]) -> int:
    """Judges the histories that the words ask for; the exit code."""
    args = _parser().parse_args(words)
    seeds = range(args.seed, args.seed + args.runs)
    print(f"Seeds {seeds[0]} to {seeds[-1]} in {args.jobs} processes", flush=True)
    guardian = Guardian()
    try:
        with warehouse.hasty_server("fuzz-dbt", guardian) as server, tempfile.TemporaryDirectory() as scratch:
            return _campaign(server, seeds, args.jobs, Path(scratch), args.project)
    finally:
        guardian.dismiss()


def _campaign(server: postgres.Server, seeds: Sequence[int], jobs: int, scratch: Path, project: Path) -> int:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {RECORDED}".encode())
        warehouse.prepare(server.dsn(RECORDED))
        made = recordings(server.dsn(RECORDED), scratch, project)
        names = [f"judge_{number}" for number in range(jobs)]
        for name in names:
            connection.execute(f"create database {name} template {RECORDED}".encode())
    context = get_context("spawn")
    waiting: SimpleQueue[str] = context.SimpleQueue()
    for name in names:
        waiting.put(server.dsn(name))
    broken, began = 0, time.monotonic()
    with ProcessPoolExecutor(jobs, context, _begin, (waiting, made)) as pool:
        for done, problem in zip(count(1), pool.map(_problem, seeds)):
            if problem:
                broken += 1
                print(f"\n{problem}\n", flush=True)
            if done % PROGRESS_EVERY == 0 or done == len(seeds):
                seconds = time.monotonic() - began
                print(f"{done} of {len(seeds)} histories, {broken} not exact, {seconds:.0f} s", flush=True)
    return 1 if broken else 0


def _begin(waiting: SimpleQueue[str], made: Mapping[str, Recording]) -> None:
    global _judge
    _judge = Judge(waiting.get(), made)


def _problem(seed: int) -> str:
    return _judge.problem(cut(seed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.dbt.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9), help="of the first (default: any)")
    parser.add_argument("--runs", type=int, default=1_000, help="how many, by seeds in a row (default 1000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--project", type=Path, default=warehouse.PROJECT, help="the dbt project (default: Pulse's)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
