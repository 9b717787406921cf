"""`python -m kind up | down`: the tests' kind cluster by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kind import cluster
from kind.commands import CommandError

from pulse.settings import CommandSettings
from pulse_local.paths import paths_from


def main(words: list[str]) -> int:
    """What the one word says; the exit code."""
    try:
        return COMMANDS[words[0]](cache()) if len(words) == 1 and words[0] in COMMANDS else _usage()
    except (CommandError, cluster.ForeignClusterError, RuntimeError) as failed:
        print(failed, file=sys.stderr)
        return 1


def cache() -> Path:
    """Where what is built once per machine is kept, the same place as that of the local stack."""
    settings = CommandSettings(home="", cache=os.environ.get("PULSE_CACHE", ""))
    return paths_from(settings, os.environ, is_root=os.geteuid() == 0).cache


def _up(cache: Path) -> int:
    running = cluster.up(cache)
    print(f"ready ({running.platform}); to look at it:\n  export KUBECONFIG={running.kubeconfig}")
    return 0


def _down(cache: Path) -> int:
    cluster.down(cache)
    return 0


def _usage() -> int:
    print("say `python -m kind up` or `python -m kind down`", file=sys.stderr)
    return 2


COMMANDS = {"up": _up, "down": _down}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
