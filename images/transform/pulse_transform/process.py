"""Starts dbt as a process of its own, hands its log lines on and brings its results back.

Knows nothing of locks or of the tables that record a run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from psycopg import pq

# How long dbt may take to cancel its queries when it is told to stop.
STOP_SECONDS = 15.0

# Those of libpq's variables that name a file: dbt runs in a directory of its own, and still has to find them.
_FILES = frozenset({"PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLCRLDIR", "PGPASSFILE"})

# Log records of dbt that end a model or a test.
_ENDED = frozenset({"LogModelResult", "LogTestResult"})

Progress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class DbtOutcome:
    """How dbt ended. `results` is its run_results.json, None if it never got as far; `errors` are its own words."""

    exit_code: int
    results: Mapping[str, Any] | None
    errors: tuple[str, ...]


def build_arguments(
    project: Path, scratch: Path, variables: str, *, full_refresh: bool, select: Sequence[str]
) -> list[str]:
    """The words of `dbt build`. Everything that dbt writes goes to `scratch`, so the project may be read-only.

    Unit tests are left out: they try the SQL on made-up rows and say nothing about the data of this run. With a
    selection, so are tests that also read a model which is neither selected nor above one that is.
    """
    return [
        *("--log-format", "json", "--log-level", "info", "--log-level-file", "none", "--no-use-colors"),
        *("--no-send-anonymous-usage-stats", "--no-partial-parse"),
        "build",
        *("--exclude-resource-type", "unit_test"),
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--target-path", str(scratch / "target"), "--log-path", str(scratch / "logs")),
        *("--vars", variables),
        *(["--full-refresh"] if full_refresh else []),
        *(["--select", *select, "--indirect-selection", "buildable"] if select else []),
    ]


def child_environment(env: Mapping[str, str], dsn: str, address: Mapping[str, str], threads: int) -> dict[str, str]:
    """The variables of the dbt process: libpq's own for the database, so that profiles.yml holds no secret.

    `address` is what the connection string came to when it was used: it may name several hosts, or none. Variables of
    dbt that happen to be set around us are left out; the settings alone describe a run.
    """
    options = [(option.envvar, option.val) for option in pq.Conninfo.parse(dsn.encode())]
    connection = {name.decode(): value.decode() for name, value in options if name is not None and value is not None}
    kept = {name: value for name, value in env.items() if not name.startswith(("DBT_", "PULSE_"))}
    found = {name: _from_anywhere(name, value) for name, value in {**kept, **connection}.items()}
    return {**found, **address, "PULSE_DBT_THREADS": str(threads), "DO_NOT_TRACK": "1"}


def _from_anywhere(name: str, value: str) -> str:
    is_file = name in _FILES and value not in ("", "system")  # the system's certificates are no file
    return str(Path(value).absolute()) if is_file else value


def run_dbt(arguments: Sequence[str], env: Mapping[str, str], scratch: Path, progress: Progress) -> DbtOutcome:
    """Runs dbt to its end. If the caller is interrupted meanwhile, dbt is stopped first."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pulse_transform.child", *arguments],
        env=dict(env),
        cwd=scratch,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C reaches us alone, and we stop dbt once
    )
    try:
        errors = follow(cast(IO[str], child.stdout), progress)
        exit_code = child.wait()
    finally:
        _stop(child)
    return DbtOutcome(exit_code, _document(scratch / "target" / "run_results.json"), errors)


def follow(lines: Iterable[str], progress: Progress) -> tuple[str, ...]:
    """Reads dbt's log as it comes, reports each model and test that ended, and keeps what dbt calls an error.

    Lines that are no JSON come from Python itself, such as a traceback: the last of them is kept too.
    """
    errors: list[str] = []
    loose = ""
    for line in lines:
        try:
            record = json.loads(line)
            info, data = record["info"], record["data"]
        except (ValueError, TypeError, KeyError):
            loose = line.strip() or loose
            continue
        if info["name"] in _ENDED:
            progress(data["node_info"]["unique_id"], data["node_info"]["node_status"])
        elif info["level"] == "error":
            errors.append(" ".join(info["msg"].split()))
    return (*errors, loose) if loose else tuple(errors)


def _stop(child: subprocess.Popen[str]) -> None:
    cast(IO[str], child.stdin).close()  # the child takes this as the order to stop
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _document(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    document: Mapping[str, Any] = json.loads(path.read_text())
    return document
