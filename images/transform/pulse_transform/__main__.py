"""`python -m pulse_transform run`: the process of the transformation, as a container or the local stack starts it."""

from __future__ import annotations

import sys

from pulse.adapters.entry import run_command
from pulse_transform.commands import TRANSFORM


def main() -> int:
    """Runs the command that the first word names."""
    return run_command("pulse-transform", {"run": TRANSFORM})


if __name__ == "__main__":
    sys.exit(main())
