"""How the command speaks to a person: short lines on stderr, so that stdout holds results alone."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def program() -> str:
    """How the person types this command: its name where the shell finds it, else the way to it."""
    own = Path(sys.executable).with_name("pulse")
    found = shutil.which("pulse")
    if not own.exists() or (found and Path(found).samefile(own)):
        return "pulse"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def say(line: str) -> None:
    """One line, at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
