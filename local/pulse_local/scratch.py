"""A home for servers that is gone afterwards: tests and benchmarks start theirs in one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pulse.settings import CommandSettings
from pulse_local.paths import Paths, paths_from


@contextmanager
def throw_away_paths(purpose: str) -> Iterator[Paths]:
    """An empty home whose name tells the purpose, removed at the end, and the cache that all runs share."""
    home = Path(tempfile.mkdtemp(prefix=f"pulse-{purpose}-"))
    home.chmod(0o755)  # root's Postgres runs as another user
    settings = CommandSettings(home=str(home), cache=os.environ.get("PULSE_CACHE", ""))
    paths = paths_from(settings, os.environ, is_root=os.geteuid() == 0)
    paths.cache.mkdir(parents=True, exist_ok=True)
    try:
        yield paths
    finally:
        shutil.rmtree(home, ignore_errors=True)
