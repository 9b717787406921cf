"""`python -m tests.dbt.broken [NAME…]`: breaks the models on purpose, one mistake after the other, and sees it noticed.

Each mistake is made in a copy of the project; one of the histories that every test run judges has to come out wrong
with it. Half a minute each. Exits with 1 if something was not noticed.
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
from .recording import recorded

# One set of rules will do, and dbt has to start fewer times.
OF_THE_RULES = "utc"


def main(words: Sequence[str]) -> int:
    """Makes the mistakes that are named, or all; the exit code."""
    wanted = chosen(words, "python -m tests.dbt.broken", __doc__, MUTATIONS)
    guardian = Guardian()
    try:
        with warehouse.hasty_server("broken-dbt", guardian) as server:
            return judged(wanted, lambda one: _is_noticed(server, one))
    finally:
        guardian.dismiss()


def _is_noticed(server: postgres.Server, mutation: Mutation) -> bool:
    print(f"{mutation.name}: {mutation.means}", flush=True)
    database = mutation.name.replace("-", "_")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {database}".encode())
    dsn = server.dsn(database)
    warehouse.prepare(dsn)
    with tempfile.TemporaryDirectory() as scratch:
        project = projects.copied(Path(scratch), mutation.edits)
        recording = recorded(dsn, RULES[OF_THE_RULES], Path(scratch), project)
    tried = 0
    with closing(Judge(dsn, {OF_THE_RULES: recording})) as judge:
        for history in filter(lambda history: history.rules == OF_THE_RULES, map(cut, SEEDS)):
            tried += 1
            problem = judge.problem(history)
            if problem:
                print(f"  seed {history.seed}, history {tried}: {problem.splitlines()[-1][:160]}", flush=True)
                return True
    print(f"  NOT NOTICED by {tried} histories", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
