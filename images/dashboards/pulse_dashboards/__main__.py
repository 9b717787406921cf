"""`python -m pulse_dashboards serve`: the process of the live page, as a container or the local stack starts it."""

from __future__ import annotations

import sys

from pulse.adapters.entry import run_command
from pulse_dashboards.commands import METABASE, SERVE


def main() -> int:
    """Runs the command that the first word names."""
    return run_command("pulse-dashboards", {"serve": SERVE, "metabase": METABASE})


if __name__ == "__main__":
    sys.exit(main())
