"""Entry point of the collector's own image and of `python -m pulse_collector`."""

from __future__ import annotations

import sys

from pulse.adapters.entry import run_only
from pulse_collector.commands import COLLECT


def main() -> int:
    """Collects until it is told to stop, and returns the exit code."""
    return run_only("pulse-collector", COLLECT)


if __name__ == "__main__":
    sys.exit(main())
