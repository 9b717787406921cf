"""The subcommand `pulse simulate`; `python -m pulse_simulator` is the same."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from pulse.cli import FAILED, OK, STOPPED, USAGE, Command
from pulse.errors import PulseError, Retry, SettingsError
from pulse_simulator import flags
from pulse_simulator.run import run


def _configure(parser: ArgumentParser) -> None:
    flags.add_flags(parser)


def _run(args: Namespace, env: Mapping[str, str]) -> int:
    try:
        run(flags.settings_from(args, env))
    except PulseError as error:
        sys.stderr.write(f"{error}\n")
        if isinstance(error, SettingsError):
            return USAGE
        return FAILED if isinstance(error, Retry) else STOPPED
    return OK


SIMULATE = Command(
    "Send the events of simulated visitors to Kafka: back-dated history, live traffic, or both.", _configure, _run
)
