"""Entry point of the simulator's own image and of `python -m pulse_simulator`."""

from __future__ import annotations

import os
import sys

from pulse.cli import parser_for
from pulse_simulator.commands import SIMULATE


def main() -> None:
    """Parses the words, simulates, and leaves with the exit code."""
    sys.exit(SIMULATE.run(parser_for("pulse-simulator", SIMULATE).parse_args(), os.environ))


if __name__ == "__main__":
    main()
