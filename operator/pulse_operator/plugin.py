"""`kubectl pulse …`: kubectl starts any program called kubectl-pulse that it finds on the PATH."""

from __future__ import annotations

import sys

from pulse.adapters.entry import quietly, run_command
from pulse_operator.cli.diff import DIFF
from pulse_operator.cli.render import RENDER
from pulse_operator.cli.status import STATUS
from pulse_operator.cli.suspend import RESUME, SUSPEND


def main() -> int:
    """Runs the command that the first word names."""
    commands = {"render": RENDER, "diff": DIFF, "status": STATUS, "suspend": SUSPEND, "resume": RESUME}
    return quietly(lambda: run_command("kubectl pulse", commands))


if __name__ == "__main__":
    sys.exit(main())
