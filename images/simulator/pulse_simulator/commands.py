"""The subcommand `pulse simulate`; `python -m pulse_simulator` is the same."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import OK, Command
from pulse_simulator import flags
from pulse_simulator.run import run


def _configure(parser: ArgumentParser) -> None:
    flags.add_flags(parser)


def _run(args: Namespace, env: Mapping[str, str]) -> int:
    run(flags.settings_from(args, env))
    return OK


SIMULATE = Command(
    "Send the events of simulated visitors to Kafka: back-dated history, live traffic, or both.", _configure, _run
)
