"""Where the local stack keeps its things: one directory for data, logs and state, one for what was downloaded.

Says where; makes nothing but those two directories, and removes nothing that does not carry its marker.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulse.errors import SettingsError
from pulse.settings import CommandSettings

MARKER = ".pulse-home"
MARKER_TEXT = "This directory belongs to the local Pulse stack; `pulse down --purge` removes it.\n"
NEEDED_BYTES = 1024**3


@dataclass(frozen=True, slots=True)
class Paths:
    """The two directories, and every name below them."""

    home: Path
    cache: Path

    @property
    def kafka(self) -> Path:
        return self.home / "kafka"

    @property
    def postgres(self) -> Path:
        return self.home / "postgres"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def state(self) -> Path:
        return self.home / "state.json"

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.logs / f"{name}.log"


def paths_from(settings: CommandSettings, env: Mapping[str, str], *, is_root: bool) -> Paths:
    """The directories that the settings name, else the usual ones of this user.

    Root gets system directories: Postgres then runs as another user, who cannot enter root's home.
    """
    user_home = Path(env.get("HOME") or "/")
    if is_root:
        home, cache = Path("/var/lib/pulse"), Path("/var/cache/pulse")
    else:
        home = Path(env.get("XDG_DATA_HOME") or user_home / ".local" / "share") / "pulse"
        cache = Path(env.get("XDG_CACHE_HOME") or user_home / ".cache") / "pulse"
    return Paths(
        Path(settings.home).expanduser().absolute() if settings.home else home,
        Path(settings.cache).expanduser().absolute() if settings.cache else cache,
    )


def prepare(paths: Paths) -> None:
    """Makes both directories and marks the home as ours; SettingsError if that cannot be, or would take over files."""
    try:
        paths.cache.mkdir(parents=True, exist_ok=True)
        paths.home.mkdir(parents=True, exist_ok=True)
        if not is_ours(paths.home):
            if any(paths.home.iterdir()):
                raise SettingsError(
                    f"PULSE_HOME={paths.home} holds other files: name an empty or a new directory for the local stack."
                )
            (paths.home / MARKER).write_text(MARKER_TEXT)
        paths.logs.mkdir(exist_ok=True)
    except OSError as failed:
        raise SettingsError(
            f"{failed.filename or paths.home} cannot be written ({failed.strerror}): set PULSE_HOME and PULSE_CACHE to "
            "directories that this user owns."
        ) from failed


def is_ours(home: Path) -> bool:
    """Whether the directory was made by the local stack."""
    return (home / MARKER).is_file()


def check_space(paths: Paths, needed_bytes: int = NEEDED_BYTES) -> None:
    """SettingsError when a disk has too little room for a broker and a database to start safely."""
    for variable, directory in (("PULSE_HOME", paths.home), ("PULSE_CACHE", paths.cache)):
        free = shutil.disk_usage(directory).free
        if free < needed_bytes:
            raise SettingsError(
                f"{directory} has {free / 1024**2:,.0f} MiB free and at least {needed_bytes / 1024**2:,.0f} MiB are "
                f"needed: free some space, or set {variable} to a directory on a larger disk."
            )
