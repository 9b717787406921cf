"""Starts dbt as a process of its own, hands its log lines on and brings its results back.

Knows nothing of locks or of the tables that record a run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from psycopg import pq

from pulse_transform.child import REPORT

# How long dbt may take to cancel its queries when it is told to stop.
STOP_SECONDS = 15.0

# Those of libpq's variables that name a file: dbt runs in a directory of its own, and still has to find them.
_FILES = frozenset({"PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLCRLDIR", "PGPASSFILE"})

# Log records of dbt that end a model or a test, a look at a source, and the one that each command begins with.
_ENDED = frozenset({"LogModelResult", "LogTestResult"})
_LOOKED, _BEGAN = "LogFreshnessResult", "MainReportVersion"

# Where `target` and the results that a second attempt goes by lie in the scratch directory.
_TARGET, _BEFORE = "target", "before"
_RESULTS = "run_results.json"

Progress = Callable[[str, str], None]
Words = list[str]


@dataclass(frozen=True, slots=True)
class DbtOutcome:
    """How dbt ended.

    `results` is its run_results.json, None if it never got as far; `sources` what it found of each source; `errors` are
    its own words. `starting_seconds` is all that it took apart from the work: the process, dbt's code, the project.
    """

    exit_code: int
    results: Mapping[str, Any] | None
    sources: Sequence[Mapping[str, Any]]
    errors: tuple[str, ...]
    starting_seconds: float


def first_commands(
    project: Path, scratch: Path, variables: str, *, full_refresh: bool, select: Sequence[str]
) -> list[Words]:
    """Read the project, look how fresh the sources are, build and test.

    Unit tests are left out: they try the SQL on made-up rows and say nothing about the data of this run. So are, unless
    all is built anew, tests tagged `whole`, which read whole tables. With a selection, so are tests that also read a
    model which is neither selected nor above one that is.
    """
    told = [*_places(project, scratch), "--vars", variables]
    build = [
        *("build", *told, "--exclude-resource-type", "unit_test"),
        *(["--full-refresh"] if full_refresh else ["--exclude", "tag:whole"]),
        *(["--select", *select, "--indirect-selection", "buildable"] if select else []),
    ]
    return [
        [*_FLAGS, "--no-write-json", "parse", *told],
        [*_FLAGS, "source", "freshness", *told],
        [*_FLAGS, *build],
    ]


def retry_commands(project: Path, scratch: Path) -> list[Words]:
    """Do again what failed or was skipped in the attempt before, on the same terms."""
    return [[*_FLAGS, "retry", *_places(project, scratch), "--state", str(scratch / _BEFORE)]]


_FLAGS = (
    *("--log-format", "json", "--log-level", "info", "--log-level-file", "none", "--no-use-colors"),
    *("--no-send-anonymous-usage-stats", "--no-partial-parse"),
)


def _places(project: Path, scratch: Path) -> Words:
    """Everything that dbt writes goes to `scratch`, so the project may be read-only."""
    return [
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--target-path", str(scratch / _TARGET), "--log-path", str(scratch / "logs")),
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


def run_dbt(commands: Sequence[Words], env: Mapping[str, str], scratch: Path, progress: Progress) -> DbtOutcome:
    """Runs the commands to their end. If the caller is interrupted meanwhile, dbt is stopped first."""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "pulse_transform.child", json.dumps(commands)],
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
    report = _taken(scratch / REPORT) or {"seconds": {}, "sources": []}
    worked = sum(seconds for name, seconds in report["seconds"].items() if name != "parse")
    results = _taken(scratch / _TARGET / _RESULTS, scratch / _BEFORE / _RESULTS)
    return DbtOutcome(exit_code, results, report["sources"], errors, time.monotonic() - began - worked)


def follow(lines: Iterable[str], progress: Progress) -> tuple[str, ...]:
    """Reads dbt's log as it comes, reports each model and test that ended, and keeps what dbt calls an error.

    Those of the last command are kept: what came before it did not fail. Lines that are no JSON come from Python
    itself, such as a traceback: the last of them is kept too.
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
        if info["name"] == _BEGAN:
            errors.clear()
        elif info["name"] in _ENDED:
            progress(data["node_info"]["unique_id"], data["node_info"]["node_status"])
        elif info["name"] == _LOOKED:
            progress(data["node_info"]["unique_id"], data["status"])
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


def _taken(path: Path, kept: Path | None = None) -> dict[str, Any] | None:
    """A document that is not found again by whoever looks next: it moves to `kept`, or goes."""
    if not path.is_file():
        return None
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if kept is None:
        path.unlink()
    else:
        kept.parent.mkdir(exist_ok=True)
        path.replace(kept)
    return document
