"""`python -m pulse_transform run`: the process of the transformation, as a container or the local stack starts it."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from pulse_transform.commands import TRANSFORM


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the words, runs, and returns the exit code."""
    parser = ArgumentParser(prog="pulse-transform")
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = subcommands.add_parser("run", help=TRANSFORM.help, description=TRANSFORM.help)
    TRANSFORM.configure(run)
    return TRANSFORM.run(parser.parse_args(arguments), os.environ)


if __name__ == "__main__":
    sys.exit(main())
