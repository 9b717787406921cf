"""The directory that one run of dbt works in, and what killed runs left of theirs.

Removes nothing but directories of its own name and owner that are too old to belong to a run that still goes on.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "pulse-transform-"
STALE_SECONDS = 24 * 3600


@contextmanager
def directory() -> Iterator[Path]:
    """An empty directory for this run; gone with its end."""
    remove_stale(Path(tempfile.gettempdir()), time.time())
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        yield Path(name)


def remove_stale(parent: Path, now: float) -> None:
    """Removes what runs left that were killed before they could clear up: nobody else ever would."""
    for path in parent.glob(f"{PREFIX}*"):
        try:
            status = path.lstat()
        except OSError:
            continue  # another run has just removed it
        ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        if ours and now - status.st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
