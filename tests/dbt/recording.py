"""What dbt says to the database, taken down once, so that a run can be carried out again without starting dbt.

The statements are dbt's own: models, hooks and the renames around them, in the order of a run with one thread.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from pulse_transform.variables import project_vars

from . import warehouse
from .reference import Rules

_COMMENTS = re.compile(r"\s*(/\*.*?\*/|--[^\n]*\n)", re.DOTALL)
_VIEW = re.compile(r'create view ("\w+"\.)"(\w+?)__dbt_tmp"')
_READS = ("select", "with")


@dataclass(frozen=True)
class Built:
    """What was said to build a model, by transaction."""

    node: str
    transactions: tuple[tuple[str, ...], ...]
    is_view: bool = False


@dataclass(frozen=True)
class Recording:
    """A run that builds everything anew, one that does not, and which models each model depends on."""

    full_refresh: tuple[Built, ...]
    incremental: tuple[Built, ...]
    parents: Mapping[str, frozenset[str]]

    def with_models_of(self, other: Recording) -> Recording:
        """The same with what the other one says to build the models that it holds."""
        builds = (
            _in_their_place(self.full_refresh, other.full_refresh),
            _in_their_place(self.incremental, other.incremental),
        )
        return Recording(*builds, self.parents)

    def with_dependents(self, node: str) -> set[str]:
        """The model, and all that are left out when it fails."""
        found = {node}
        while more := {child for child, above in self.parents.items() if above & found} - found:
            found |= more
        return found

    def with_ancestors(self, nodes: Iterable[str]) -> set[str]:
        """The models, and all that they are made from."""
        found = set(nodes)
        while more := {parent for node in found for parent in self.parents[node]} - found:
            found |= more
        return found


def recorded(
    dsn: str, rules: Rules, directory: Path, project: Path = warehouse.PROJECT, models: Iterable[str] = ()
) -> Recording:
    """Runs dbt on the prepared database, first with everything built anew, and takes it down.

    With `models`, these alone: in a database in which all of them were built before.
    """
    chosen = ["--select", *models] if models else []
    if not warehouse.query(dsn, "select from information_schema.tables where table_schema = 'intermediate'"):
        _run(dsn, rules, directory, project, "--full-refresh")  # so that the next one finds tables to replace
    database = f'"{conninfo_to_dict(dsn)["dbname"]}".'
    full_refresh = tuple(_built(_run(dsn, rules, directory, project, "--full-refresh", *chosen), database))
    incremental = tuple(_built(_run(dsn, rules, directory, project, *chosen), database))
    manifest = json.loads((directory / "target" / "manifest.json").read_text())
    parents = {
        node: frozenset(parent for parent in above if parent.startswith("model."))
        for node, above in manifest["parent_map"].items()
        if node.startswith("model.")
    }
    return Recording(full_refresh, incremental, parents)


def _in_their_place(builds: Sequence[Built], others: Sequence[Built]) -> tuple[Built, ...]:
    found = {built.node: built for built in others}
    return tuple(found.get(built.node, built) for built in builds)


def _run(dsn: str, rules: Rules, directory: Path, project: Path, *words: str) -> list[dict[str, Any]]:
    settings = warehouse.settings(dsn, rules)
    variables = project_vars(settings) | {"quarantine_events_per_day": rules.quarantine_events_per_day}
    ran = subprocess.run(
        [
            *(sys.executable, "-c", "from dbt.cli.main import cli; cli()"),
            *("--log-format", "json", "--log-level", "debug", "--log-level-file", "none", "--no-use-colors"),
            *("run", "--threads", "1", "--vars", json.dumps(variables), *words),
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(directory / "target"), "--log-path", str(directory / "logs")),
        ],
        env=warehouse.libpq(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=warehouse.RUN_SECONDS,
        check=False,
    )
    records = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    if ran.returncode != 0:
        raise AssertionError("\n".join(record["info"]["msg"] for record in records[-20:]) or ran.stdout)
    return records


def _built(records: Iterable[dict[str, Any]], database: str) -> Iterator[Built]:
    """Model by model; relations without the database's name before them, so that another one will do as well."""
    for node, statements in groupby(_statements(records), key=lambda said: said[0]):
        transactions: list[list[str]] = [[]]
        for _, sql in statements:
            if sql == "COMMIT":
                transactions.append([])
            else:
                transactions[-1].append(sql.replace(database, ""))
        yield _wherever(Built(node, tuple(map(tuple, filter(None, transactions)))))


def _wherever(built: Built) -> Built:
    """The same also where a view was dropped with what it is made from: dbt looks, and the replay does not."""
    for sql in built.transactions[0]:
        if made := _VIEW.search(sql):
            create = _VIEW.sub(r'create view \1"\2"', sql)
            return Built(built.node, ((f'drop view if exists {made[1]}"{made[2]}" cascade', create),), is_view=True)
    return built


def _statements(records: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Whose statement it is, and the statement; those that only look at something are left out."""
    for record in records:
        node = record["data"].get("node_info", {}).get("unique_id", "")
        if record["info"]["name"] != "SQLQuery" or not node:
            continue
        sql = record["data"]["sql"].strip()
        start = sql
        while comment := _COMMENTS.match(start):
            start = start[comment.end() :]
        if sql != "BEGIN" and not start.lstrip().lower().startswith(_READS):
            yield node, sql
