"""Debian's packages, for what a fresh machine lacks. Only root on Debian and its like gets anything installed."""

from __future__ import annotations

import os
import shutil

from kind.commands import CommandError, run, succeeds


def install(wanted: str, *packages: str) -> None:
    """Installs those of the packages that this release has. `wanted` is what the reader would have to install."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CommandError(
            f"{wanted} is missing, and only root on Debian and its like gets it installed by itself: install {wanted}, "
            "then say this again."
        )
    print(f"installing {wanted} from Debian's packages", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", env=environment)
    known = [package for package in packages if succeeds("apt-cache", "show", package)]
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *known, env=environment)
