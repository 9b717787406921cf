"""`python -m chaos`: faults by a seed under a running pipeline; fails unless every event is stored once, to the id.

A run takes about two minutes. It starts its own Kafka and Postgres on free ports and leaves
nothing behind but the logs of runs that were broken. Exit code 0: every promise was kept; 1: a run was broken, and how
to repeat it is printed; 130: stopped by a signal.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from chaos.campaign import campaign
from chaos.faults import FAULTS, KINDS
from chaos.report import document, failure, progress, summary
from chaos.run import Result
from chaos.schedule import FAULTS_PER_RUN, schedule

INTERRUPTED = 130


def main(words: Sequence[str]) -> int:
    """Carries out the runs that the words ask for; the exit code."""
    args = _parser().parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # also where a shell started it in the background
    numbers = range(args.runs) if args.run is None else [args.run]
    wanted = args.kinds or sorted(KINDS)
    impossible = {name: why for name in wanted if (why := FAULTS[name].impossible())}
    kinds = {name: KINDS[name] for name in wanted if name not in impossible}
    plans = [schedule(args.seed, number, kinds, args.faults) for number in numbers]
    if args.list:
        print("\n".join(map(str, plans)))
        return 0
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, seed {args.seed}, {len(plans)} runs, {args.jobs} at a time", flush=True)
    for name, why in impossible.items():
        print(f"{name} is left out: {why}", flush=True)
    logs = Path(tempfile.mkdtemp(prefix="pulse-chaos-logs-"))
    results: list[Result] = []
    try:
        for result in campaign(plans, logs, args.minutes, args.jobs):
            results.append(result)
            print(progress(result, len(plans), len(results)), flush=True)
            if result.problem:
                print(f"\n{failure(result)}\nWhole logs: {logs / str(result.schedule.run)}\n", flush=True)
    except KeyboardInterrupt:
        print("Stopped; the run that was under way shows nothing.", file=sys.stderr)
        return INTERRUPTED
    finally:
        print(f"\n{summary(results, len(plans))}")
        if args.json:
            Path(args.json).write_text(document(args.seed, results), encoding="utf-8")
        with suppress(OSError):  # broken runs have left something there
            logs.rmdir()
    return 1 if any(result.problem for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="decides every fault of every run (default 1)")
    parser.add_argument("--runs", type=_count, default=3, help="how many, from number 0 (default 3)")
    parser.add_argument("--run", type=int, help="only the run of this number")
    parser.add_argument(
        "--jobs", type=_count, default=1, metavar="N", help="runs at the same time, each on its own servers (default 1)"
    )
    parser.add_argument("--faults", type=_count, default=FAULTS_PER_RUN, help="in each run (default %(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), metavar="KIND", help="only these faults")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no run after so long (default: no limit)"
    )
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--list", action="store_true", help="print the schedules and do nothing")
    return parser


def _count(word: str) -> int:
    """None at all would be a campaign that breaks no promise."""
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
