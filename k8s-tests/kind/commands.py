"""Runs the commands of other programs; a failure says which one and what it printed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


class CommandError(Exception):
    """A command ended with an error. Carries its words and the end of what it said."""

    @property
    def last_line(self) -> str:
        """The last that it said, which is most often the reason."""
        return str(self).splitlines()[-1]


def run(*words: object, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What the command printed."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-3000:]
        raise CommandError(f"`{' '.join(map(str, words))}` ended with {done.returncode}:\n{said}")
    return done.stdout


def succeeds(*words: object) -> bool:
    """Whether the command is there and ends well; what it says does not matter."""
    try:
        return subprocess.run([str(word) for word in words], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
