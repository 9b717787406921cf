"""The Python environment of the other sinks, made once per version of its lock and kept in the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

_LOCK = Path(__file__).with_name("requirements.txt")


def python(cache: Path, report: Callable[[str], None]) -> Path:
    """The interpreter that has them. CalledProcessError if they cannot be installed."""
    home = cache / f"bench-peers-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]}"
    ready = home / "ready"
    if not ready.exists():
        report("Installing the other sinks (once)")
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=False)
        uv = Path(sys.executable).with_name("uv")
        target = ["--python", str(home / "bin" / "python"), "--require-hashes"]
        subprocess.run([str(uv), "pip", "sync", "--quiet", *target, str(_LOCK)], check=True)
        ready.touch()
    return home / "bin" / "python"
