"""`python -m pulse_consumer run | migrate | offsets`: the consumer's image without the `pulse` command."""

from __future__ import annotations

import sys

from pulse.adapters.entry import run_command
from pulse_consumer.commands import CONSUME, MIGRATE, OFFSETS


def main() -> int:
    """Runs the command that the first word names."""
    return run_command("pulse-consumer", {"run": CONSUME, "migrate": MIGRATE, "offsets": OFFSETS})


if __name__ == "__main__":
    sys.exit(main())
