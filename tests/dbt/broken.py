"""`python -m tests.dbt.broken [NAME…]`: breaks the models on purpose, one mistake after the other, and sees it noticed.

Each mistake is made in a copy of the project; one of the histories that every test run judges has to come out wrong
with it. Some seconds each. Exits with 1 if something was not noticed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from kit.break_by_break import chosen, judged
from kit.breaking import Mutation
from kit.guardian import Guardian

from pulse_local.services import postgres

from . import projects, warehouse
from .cutting import RULES, SEEDS, cut
from .exactness import Judge
from .mutations import MUTATIONS
from .recording import Recording, recorded

# One set of rules will do, and dbt has to start fewer times.
OF_THE_RULES = "utc"
# Databases: with every model built, one to take a mistake down in, and one to judge histories in.
WHOLE, MISTAKEN, JUDGED = "whole", "mistaken", "judged"


def main(words: Sequence[str]) -> int:
    """Makes the mistakes that are named, or all; the exit code."""
    wanted = chosen(words, "python -m tests.dbt.broken", __doc__, MUTATIONS)
    guardian = Guardian()
    try:
        with warehouse.hasty_server("broken-dbt", guardian) as server, tempfile.TemporaryDirectory() as scratch:
            _database(server, WHOLE)
            warehouse.prepare(server.dsn(WHOLE))
            whole = recorded(server.dsn(WHOLE), RULES[OF_THE_RULES], Path(scratch))
            return judged(wanted, lambda one: _is_noticed(server, whole, one))
    finally:
        guardian.dismiss()


def _is_noticed(server: postgres.Server, whole: Recording, mutation: Mutation) -> bool:
    print(f"{mutation.name}: {mutation.means}", flush=True)
    # The statements of the models that the mistake changes are taken down anew; those of the others stay.
    recording = whole.with_models_of(_mistaken(server, mutation))
    _database(server, JUDGED)
    tried = 0
    with closing(Judge(server.dsn(JUDGED), {OF_THE_RULES: recording})) as judge:
        for history in filter(lambda history: history.rules == OF_THE_RULES, map(cut, SEEDS)):
            tried += 1
            problem = judge.problem(history)
            if problem:
                print(f"  seed {history.seed}, history {tried}: {problem.splitlines()[-1][:160]}", flush=True)
                return True
    print(f"  NOT NOTICED by {tried} histories", flush=True)
    return False


def _mistaken(server: postgres.Server, mutation: Mutation) -> Recording:
    """What dbt says to build the models that the mistake changes."""
    _database(server, MISTAKEN)
    with tempfile.TemporaryDirectory() as scratch:
        project = projects.copied(Path(scratch), mutation.edits)
        models = sorted({Path(edit.file).stem for edit in mutation.edits})
        return recorded(server.dsn(MISTAKEN), RULES[OF_THE_RULES], Path(scratch), project, models)


def _database(server: postgres.Server, name: str) -> None:
    """A new database of this name; if there is a whole one by now, a copy of that."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        is_whole = connection.execute("select 1 from pg_database where datname = %s", [WHOLE]).fetchone()
        connection.execute(f"drop database if exists {name}".encode())
        connection.execute(f"create database {name}{f' template {WHOLE}' if is_whole else ''}".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
