"""`pulse-operator run | drain | crd`: the image of the operator."""

from __future__ import annotations

import sys

from pulse.adapters.entry import run_command
from pulse_operator.commands import CRD, DRAIN, RUN


def main() -> int:
    """Runs the command that the first word names."""
    return run_command("pulse-operator", {"run": RUN, "drain": DRAIN, "crd": CRD})


if __name__ == "__main__":
    sys.exit(main())
