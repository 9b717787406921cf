"""Entry point of the simulator's own image and of `python -m pulse_simulator`."""

from __future__ import annotations

import sys

from pulse.adapters.entry import run_only
from pulse_simulator.commands import SIMULATE


def main() -> int:
    """Parses the words, simulates, and returns the exit code."""
    return run_only("pulse-simulator", SIMULATE)


if __name__ == "__main__":
    sys.exit(main())
