"""The real runner does what the replay of dbt's statements does, and builds everything anew when it has to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from kit.breaking import Edit

from . import projects, raw, warehouse
from .comparing import different_tables
from .cutting import RULES, Cut, Run, Step, cut
from .deliveries import MOST_A_DAY
from .exactness import Judge
from .history import history
from .raw import Changes
from .recording import Recording
from .reference import Rules
from .replay import selected

pytestmark = pytest.mark.integration

# Each has two runs after the first one.
SEEDS = (2, 6, 38, 59, 66)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_replay_of_a_history_leaves_the_tables_that_the_runner_leaves(
    raw_dsn: str, judge: Judge, tmp_path: Path, seed: int
) -> None:
    course = _for_the_runner(cut(seed))
    settings = warehouse.settings(raw_dsn, RULES[course.rules], projects.with_limit(tmp_path, MOST_A_DAY))
    for step in course.steps:
        with psycopg.connect(raw_dsn) as connection:
            raw.write(connection, step.before)
        ran = warehouse.run(settings, *_words(step.run, judge.recordings[course.rules]))
        assert ran.code == 0, ran.log
    assert different_tables(judge.final_tables(course), warehouse.built(raw_dsn)) == ""
    (full, *later) = warehouse.query(raw_dsn, "select full_refresh from ops.dbt_runs order by started_at")
    assert full["full_refresh"]
    assert not all(run["full_refresh"] for run in later)


def test_a_changed_setting_gives_what_a_build_from_nothing_gives(raw_dsn: str, fresh_dsn: str) -> None:
    course, short, long = cut(11), Rules(session_gap=timedelta(minutes=20)), Rules()
    for number, (step, rules) in enumerate(zip(course.steps, (short, long, long), strict=False)):
        for dsn in (raw_dsn, fresh_dsn):
            with psycopg.connect(dsn) as connection:
                raw.write(connection, step.before)
                raw.write(connection, step.meanwhile)
        ran = warehouse.run(warehouse.settings(raw_dsn, rules))
        assert ran.code == 0, ran.log
        assert ("settings have changed: session_gap_seconds" in ran.log) == (number == 1)
    assert warehouse.run(warehouse.settings(fresh_dsn, long)).code == 0
    assert different_tables(warehouse.built(raw_dsn), warehouse.built(fresh_dsn)) == ""
    runs = warehouse.query(raw_dsn, "select full_refresh from ops.dbt_runs order by started_at")
    assert [run["full_refresh"] for run in runs] == [True, True, False]


def test_a_mart_that_gets_a_column_is_built_anew(raw_dsn: str, tmp_path: Path) -> None:
    warehouse.load(raw_dsn, history(5))
    project = projects.copied(tmp_path)
    settings = warehouse.settings(raw_dsn, project=project)
    assert warehouse.run(settings).code == 0
    marts, last = project / "models" / "marts", "      - name: utm_campaign\n"
    projects.edited(marts, Edit("fct_sessions.sql", "campaign\nfrom sessions", "campaign, 1 as one\nfrom sessions"))
    projects.edited(marts, Edit("fct_sessions.yml", last, f"      - {{name: one, data_type: int}}\n{last}"))
    ran = warehouse.run(settings)
    assert ran.code == 0, ran.log
    assert "the models have changed" in ran.log
    assert warehouse.query(raw_dsn, "select distinct one from marts.fct_sessions") == [{"one": 1}]


def _for_the_runner(course: Cut) -> Cut:
    """The same without what nobody can make the runner do at will: fail in the middle, or be overtaken by arrivals."""
    steps, late = [], Changes()
    for step in course.steps:
        before = late.followed_by(step.before)
        run = step.run if step.run.is_whole else replace(step.run, kind="selected")
        steps.append(Step(before, run))
        late = step.meanwhile
    return replace(course, steps=steps)


def _words(run: Run, recording: Recording) -> list[str]:
    names = [name.split(".")[-1] for name in selected(recording, run)] if run.kind == "selected" else []
    return [*(["--full-refresh"] if run.full_refresh else []), *(["--select", *names] if names else [])]
