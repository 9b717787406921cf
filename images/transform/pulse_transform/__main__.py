"""`python -m pulse_transform run`: the process of the transformation, as a container or the local stack starts it."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

import structlog

from pulse import cli
from pulse.errors import PulseError, Verdict
from pulse_transform.commands import TRANSFORM


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the words, runs, and returns the exit code."""
    parser = ArgumentParser(prog="pulse-transform")
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = subcommands.add_parser("run", help=TRANSFORM.help, description=TRANSFORM.help)
    TRANSFORM.configure(run)
    try:
        return TRANSFORM.run(parser.parse_args(arguments), os.environ)
    except PulseError as failed:
        _say("transform_stopped", str(failed))
        return cli.FAILED if failed.verdict is Verdict.RETRY else cli.STOPPED
    except KeyboardInterrupt:
        _say("transform_interrupted", "The run was told to stop.")
        return cli.FAILED


def _say(event: str, reason: str) -> None:
    if structlog.is_configured():
        structlog.get_logger().error(event, component="transform", reason=reason)
    else:  # the settings that configure the log are what is wrong
        sys.stderr.write(f"pulse-transform: {reason}\n")


if __name__ == "__main__":
    sys.exit(main())
