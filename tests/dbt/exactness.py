"""Whether the tables after a history cut into runs are those of a full refresh, and the marts those of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg

from pulse_transform.store import EMPTY_NEW_EVENTS, SAVE_POSITIONS

from . import raw, warehouse
from .comparing import SHOWN, differences, different_tables, mart, tables
from .cutting import RULES, Cut, Run
from .history import History
from .recording import Recording, recorded
from .reference import Rules, marts
from .replay import replay


class Judge:
    """A prepared database in which histories are replayed, one after the other."""

    def __init__(self, dsn: str, recordings: Mapping[str, Recording]) -> None:
        self.recordings = recordings
        self._open = ExitStack()
        connect = psycopg.connect
        self._raw = self._open.enter_context(connect(dsn, autocommit=True))
        self._dbt = self._open.enter_context(connect(warehouse.settings(dsn).database.dsn, autocommit=True))

    def close(self) -> None:
        self._open.close()

    def problem(self, cut: Cut) -> str:
        """What is wrong after which of the history's runs; empty if nothing is."""
        try:
            wrong = self._first_wrong(cut)
        except psycopg.Error as failed:
            wrong = f"A run that should have succeeded fails: {failed}"
        return f"{told(cut)}\n{wrong}" if wrong else ""

    def _first_wrong(self, cut: Cut) -> str:
        known = self._begin()
        for number, step in enumerate(cut.steps, 1):
            raw.write(self._raw, step.before)
            step.before.add_to(known)
            self._run(cut.rules, step.run, step.meanwhile)
            wrong = self._against_the_rules(known, RULES[cut.rules]) if step.run.is_whole and step.is_judged else ""
            if wrong:
                return f"After run {number} the marts are not what the rules say.\n{wrong}"
            step.meanwhile.add_to(known)
        wrong = self._against_a_full_refresh(cut.rules)
        return f"After the last run the tables are not those of a full refresh.\n{wrong}" if wrong else ""

    def final_tables(self, cut: Cut) -> dict[str, list[str]]:
        """The tables after the last run."""
        self._begin()
        for step in cut.steps:
            raw.write(self._raw, step.before)
            self._run(cut.rules, step.run, step.meanwhile)
        return tables(self._dbt)

    def _begin(self) -> History:
        with self._raw.transaction():
            for table in (*raw.TABLES, "ops.dbt_positions"):
                self._raw.execute(f"delete from {table}".encode())
        return History()

    def _run(self, rules: str, run: Run, meanwhile: raw.Changes) -> None:
        if run.full_refresh:  # as the runner does, for which all that is stored is new then
            self._dbt.execute("delete from ops.dbt_positions")
        replay(self._dbt, self.recordings[rules], run, lambda: raw.write(self._raw, meanwhile))
        if run.is_whole:
            self._dbt.execute(SAVE_POSITIONS)
            if run.full_refresh:
                self._dbt.execute(EMPTY_NEW_EVENTS)

    def _against_the_rules(self, known: History, rules: Rules) -> str:
        said = []
        for name, expected in marts(known, rules).items():
            rows = differences(mart(self._dbt, name), expected)
            said += [f"{name}: {len(rows)} rows differ"] if rows else []
            said += [f"  {side} {row}" for side, row in rows[: 2 * SHOWN]]
        return "\n".join(said)

    def _against_a_full_refresh(self, rules: str) -> str:
        incremental = tables(self._dbt)
        self._run(rules, Run("whole", full_refresh=True), raw.Changes())
        return different_tables(incremental, tables(self._dbt))


def recordings(dsn: str, directory: Path, project: Path = warehouse.PROJECT) -> dict[str, Recording]:
    """dbt's statements under each set of rules that histories have."""
    return {name: recorded(dsn, rules, directory / name, project) for name, rules in RULES.items()}


def told(cut: Cut) -> str:
    """The course of a history, and how to see it again."""
    lines = [f"Seed {cut.seed}, rules {cut.rules}; again: make fuzz-dbt SEED={cut.seed} RUNS=1"]
    for number, step in enumerate(cut.steps, 1):
        before, run = step.before, step.run
        what = f"{run.kind}{' full refresh' if run.full_refresh else ''} ({run.where:.2f})"
        moves = "".join(f", {move.command} of {move.reader.group}/{move.reader.partition}" for move in before.moves)
        during = f"; {len(step.meanwhile.events)} events during it" if step.meanwhile.commits else ""
        lines.append(f"  {number}. {len(before.events)} events in {len(before.commits)} batches{moves}; {what}{during}")
    return "\n".join(lines)
