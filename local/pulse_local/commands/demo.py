"""`pulse demo`: the whole pipeline on this machine, with history and live traffic."""

from __future__ import annotations

import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import FAILED, OK, Command
from pulse_local import stack
from pulse_local.commands.up import add_port_options
from pulse_local.demo import Demo, Options
from pulse_local.output import say


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="end by itself, with exit code 1 if numbers do not add up")
    parser.add_argument("--rate", type=float, default=200.0, metavar="N", help="live events per second; default: 200")
    parser.add_argument("--days", type=int, default=30, metavar="N", help="days of history; default: 30")
    parser.add_argument("--users", type=int, default=2_000, metavar="N", help="simulated visitors; default: 2000")
    add_port_options(parser)


def _run(words: Namespace, env: Mapping[str, str]) -> int:
    # A closed terminal and a polite kill end the demo as Ctrl-C does: nothing that it started stays behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    options = Options(
        words.once, words.rate, words.days, words.users, stack.Forced(words.kafka_port, words.postgres_port)
    )
    return OK if Demo(stack.opened(env, say), env, options).run() else FAILED


DEMO = Command("the whole pipeline with a month of history and live traffic; Ctrl-C stops it", _configure, _run)
