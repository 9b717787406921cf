"""A file system with little space, for tests of a disk that is really full. Needs root that may mount one."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from pulse_local.services import system_user

_ATTEMPTS = 20


def impossible() -> str:
    """Why this machine cannot have one; empty if it can."""
    asked = ["unshare", "--mount", "true"]
    if shutil.which(asked[0]) and subprocess.run(asked, capture_output=True, check=False).returncode == 0:
        return ""
    return "it needs Linux, and root that may mount a file system"


class SmallDisk:
    """A tmpfs with a tablespace on it, which raw.events can be moved to. `dsn` connects as the server's superuser."""

    def __init__(self, dsn: str, space: str, mebibytes: int) -> None:
        self._dsn = dsn
        self._space = space
        self._mount = Path(tempfile.mkdtemp(prefix="pulse-small-disk-"))
        _run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(self._mount))
        inside = self._mount / "space"
        inside.mkdir(0o700)
        user = system_user.for_postgres()
        if user is not None:
            os.chown(self._mount, user.uid, user.gid)
            os.chown(inside, user.uid, user.gid)
        self._execute(f"create tablespace {space} location '{inside}'")

    def hold_events(self) -> None:
        """Moves raw.events, which goes on growing, to the small disk."""
        self._move_events(self._space)

    def fill(self, left_bytes: int) -> None:
        """Takes all of its space but so much. OSError if others take it faster than it can be looked at."""
        with (self._mount / "ballast").open("wb") as file:
            for attempts_left in reversed(range(_ATTEMPTS)):
                free = os.statvfs(self._mount)
                size = free.f_bavail * free.f_frsize - left_bytes
                try:
                    os.posix_fallocate(file.fileno(), 0, max(size, 1))
                except OSError as failed:
                    # The server wrote meanwhile; what was taken in vain is given back before the next look.
                    if failed.errno != errno.ENOSPC or not attempts_left:
                        raise
                    file.truncate(0)
                else:
                    return

    def make_room(self) -> None:
        """Gives the space back that `fill` took."""
        (self._mount / "ballast").unlink(missing_ok=True)

    def remove(self) -> None:
        """Moves raw.events back and unmounts."""
        self.make_room()
        self._move_events("pg_default")
        self._execute(f"drop tablespace {self._space}")
        _run("umount", str(self._mount))
        self._mount.rmdir()

    def _move_events(self, space: str) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            leaves = connection.execute(
                "select relid::regclass::text from pg_partition_tree('raw.events') where isleaf"
            ).fetchall()
            for (leaf,) in leaves:
                connection.execute(f"alter table {leaf} set tablespace {space}".encode())
                indexes = connection.execute(
                    "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass", (leaf,)
                ).fetchall()
                for (index,) in indexes:
                    connection.execute(f"alter index {index} set tablespace {space}".encode())

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(statement.encode())


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"`{' '.join(words)}` failed: {done.stderr.strip()}")
