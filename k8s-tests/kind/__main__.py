"""`python -m kind up | load | platform | down`: the tests' kind cluster by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import CalledProcessError

from kind import cluster, images, platforms
from kind.commands import CommandError

from pulse.settings import CommandSettings
from pulse_local.paths import paths_from

# What a machine lacks: a file, a program.
_HERE = (OSError, RuntimeError)


def main(words: list[str]) -> int:
    """What the one word says; the exit code."""
    try:
        return COMMANDS[words[0]](cache()) if len(words) == 1 and words[0] in COMMANDS else _usage()
    except (CommandError, CalledProcessError, cluster.ForeignClusterError, platforms.PlatformError, *_HERE) as failed:
        print(failed, file=sys.stderr)
        return 1


def cache() -> Path:
    """Where what is built once per machine is kept, the same place as that of the local stack."""
    settings = CommandSettings(home="", cache=os.environ.get("PULSE_CACHE", ""))
    return paths_from(settings, os.environ, is_root=os.geteuid() == 0).cache


def _up(cache: Path) -> int:
    running = cluster.up(cache)
    how = {"registry": f"from {cluster.PUBLISHED_NODE}", "offline": "from a node made of packages"}[running.platform]
    print(f"ready, {how}; to look at it:\n  export KUBECONFIG={running.kubeconfig}")
    return 0


def _load(cache: Path) -> int:
    running = _running(cache)
    print("building Pulse's images and putting them on the node; the first time takes a minute or two", flush=True)
    loaded = images.build_and_load(running)
    print("on the node, under the names that the chart starts by default:", *loaded.values(), sep="\n  ")
    return 0


def _platform(cache: Path) -> int:
    running = _running(cache)
    platform = platforms.decide(running, os.environ.get("PLATFORM", ""))
    platforms.install(running, platform, images.build_and_load(running)["operator"])
    print("Kafka and Postgres resources are answered: kubectl apply -f examples/platform.yaml")
    return 0


def _running(cache: Path) -> cluster.Cluster:
    if not cluster.is_up(cache):
        raise RuntimeError(f"The cluster {cluster.NAME} does not run: say `make kind-up` first.")
    return cluster.up(cache)


def _down(cache: Path) -> int:
    cluster.down(cache)
    return 0


def _usage() -> int:
    print(f"say `python -m kind` and one of: {', '.join(COMMANDS)}", file=sys.stderr)
    return 2


COMMANDS = {"up": _up, "load": _load, "platform": _platform, "down": _down}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
