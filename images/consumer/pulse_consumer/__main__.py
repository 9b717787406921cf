"""`python -m pulse_consumer run | dlq | maintain | migrate | …`: the image without the `pulse` command."""

from __future__ import annotations

import sys

from pulse.adapters.entry import run_command
from pulse_consumer.commands.consume import CONSUME
from pulse_consumer.commands.dlq import DLQ
from pulse_consumer.commands.maintain import MAINTAIN
from pulse_consumer.commands.migrate import MIGRATE
from pulse_consumer.commands.offsets import OFFSETS
from pulse_consumer.commands.verify import VERIFY


def main() -> int:
    """Runs the command that the first word names."""
    commands = {
        "run": CONSUME,
        "dlq": DLQ,
        "maintain": MAINTAIN,
        "migrate": MIGRATE,
        "offsets": OFFSETS,
        "verify": VERIFY,
    }
    return run_command("pulse-consumer", commands)


if __name__ == "__main__":
    sys.exit(main())
