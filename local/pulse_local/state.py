"""What one run of the command leaves for the next: ports, passwords and the processes that were started.

The file is the only memory of the local stack. It is written whole or not at all, readable by its owner alone, and
says what was started; whether it still runs is asked of the system.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulse import names
from pulse.errors import Stop
from pulse.plan import Plan, plan
from pulse_local.processes import Process
from pulse_local.services import postgres

PIPELINE = "demo"
DATABASE = "pulse"
ROLE_PREFIX = "pulse"
ROLES = names.database_roles(ROLE_PREFIX)

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Ports:
    """Where things listen, kept from start to start as long as nobody else takes them. 0 is not chosen yet."""

    kafka: int = 0
    controller: int = 0
    postgres: int = 0
    health: int = 0
    dashboard: int = 0
    collector: int = 0
    collector_health: int = 0
    shop: int = 0


@dataclass(frozen=True, slots=True)
class Passwords:
    """The passwords of the local database, made once with its data."""

    admin: str = field(repr=False)
    ingest: str = field(repr=False)
    transform: str = field(repr=False)
    reader: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class State:
    """The local stack as it was last left."""

    ports: Ports
    passwords: Passwords
    processes: tuple[Process, ...] = ()
    # The demo's history: its last moment, chosen once so that sending it again sends the same events, and whether all
    # of it is stored.
    history_end: str = ""
    history_done: bool = False
    # What lets a browser into the dashboards; a state from before there were any has none yet.
    dashboard_token: str = field(default="", repr=False)

    @property
    def plan(self) -> Plan:
        return plan(PIPELINE)

    def process(self, name: str) -> Process | None:
        return next((process for process in self.processes if process.name == name), None)

    def with_process(self, process: Process) -> State:
        """The state with this process in the place of an earlier one of its name."""
        others = tuple(other for other in self.processes if other.name != process.name)
        return dataclasses.replace(self, processes=(*others, process))

    def without_process(self, name: str) -> State:
        return dataclasses.replace(self, processes=tuple(p for p in self.processes if p.name != name))

    def dsn(self, role: str) -> str:
        """The connection string of a role: one of Pulse's, or the administrator's."""
        passwords = {
            postgres.ADMIN: self.passwords.admin,
            ROLES.ingest: self.passwords.ingest,
            ROLES.transform: self.passwords.transform,
            ROLES.reader: self.passwords.reader,
        }
        return postgres.dsn(self.ports.postgres, DATABASE, role, passwords[role])


def fresh() -> State:
    """The state of a stack that never ran."""
    return State(Ports(), Passwords(*(secret() for _ in range(4))), dashboard_token=secret())


def secret() -> str:
    """A password that nobody guesses."""
    return secrets.token_urlsafe(18)


def load(path: Path) -> State | None:
    """The state in the file; None if there is none, Stop if it cannot be read."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except OSError as failed:
        raise Stop(
            f"{path} cannot be read ({failed.strerror}): run the command as the user who started it."
        ) from failed
    try:
        return _parsed(json.loads(text))
    except (ValueError, KeyError, TypeError) as wrong:
        raise Stop(
            f"{path} is damaged, so what runs is not known: end leftover processes by hand, then remove the directory "
            f"{path.parent} to start over."
        ) from wrong


def _parsed(raw: dict[str, Any]) -> State:
    if raw["version"] != _VERSION:
        raise ValueError("another version")
    processes = tuple(Process(**process) for process in raw["processes"])
    return State(
        Ports(**raw["ports"]),
        Passwords(**raw["passwords"]),
        processes,
        raw["history_end"],
        raw["history_done"],
        raw.get("dashboard_token", ""),
    )


def save(path: Path, state: State) -> None:
    """Writes the state, atomically, for its owner alone."""
    scratch = path.with_suffix(".new")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - Path.open takes no mode bits
        json.dump({"version": _VERSION, **dataclasses.asdict(state)}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
