"""How the command speaks to a person: short lines on stderr, so that stdout holds results alone."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """One line, at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
