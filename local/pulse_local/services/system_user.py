"""Who runs Postgres when the command is run by root, and which directories that user can reach."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from pulse.errors import SettingsError, Stop
from pulse_local.processes import User

_CANDIDATES = ("postgres", "nobody")


def for_postgres() -> User | None:
    """The system user that a root's server runs as; None for anybody else, who runs it as himself."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name, entry.pw_uid, entry.pw_gid)
    raise Stop(
        "Postgres does not run as root, and this system has neither a user `postgres` nor `nobody`: "
        "add one of them, or run the command as another user."
    )


def can_enter(user: User, directory: Path) -> bool:
    """Whether the user may pass every directory down to this one and read it."""
    resolved = directory.resolve()
    return all(_may(user, step, 0o1) for step in (*resolved.parents, resolved)) and _may(user, resolved, 0o4)


def check_can_enter(user: User, directory: Path, variable: str) -> None:
    """SettingsError if the user cannot enter the directory."""
    if not can_enter(user, directory):
        raise SettingsError(
            f"{directory} cannot be entered by the system user {user.name}, who has to run Postgres because root may "
            f"not: set {variable} to a directory that everybody may enter, or run the command as another user."
        )


def _may(user: User, path: Path, bit: int) -> bool:
    status = path.stat()
    if status.st_uid == user.uid:
        return bool(stat.S_IMODE(status.st_mode) & bit << 6)
    if status.st_gid == user.gid:
        return bool(stat.S_IMODE(status.st_mode) & bit << 3)
    return bool(stat.S_IMODE(status.st_mode) & bit)
