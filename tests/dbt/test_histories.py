"""However a history is cut into runs, the tables are those of a full refresh, and the marts those of the rules."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import yaml

from . import warehouse
from .cutting import SEEDS, Cut, Run, Step, cut
from .deliveries import MOST_A_DAY
from .events import FIRST_DAY, event
from .exactness import Judge
from .stream import Stream

pytestmark = pytest.mark.integration

OFFSET_BLOCK = int(yaml.safe_load((warehouse.PROJECT / "dbt_project.yml").read_text())["vars"]["offset_block"])


@pytest.mark.parametrize("seed", SEEDS, ids="seed_{}".format)
def test_the_tables_are_those_of_a_full_refresh_and_the_marts_those_of_the_rules(judge: Judge, seed: int) -> None:
    problem = judge.problem(cut(seed))
    if problem:
        pytest.fail(problem, pytrace=False)


def test_a_visitor_is_nobody_else_any_more_once_that_user_comes_into_quarantine(judge: Judge) -> None:
    """What chance brings about too seldom."""
    rng = random.Random(1)
    stream = Stream(rng)

    def send(user: str, moment: datetime, anonymous_id: str | None, missing: int = 0) -> None:
        stream.send(replace(event(rng, user, moment, "page_view"), anonymous_id=anonymous_id), missing)

    send("anon-1", FIRST_DAY, "anon-1")
    send("user-0", FIRST_DAY + timedelta(hours=1), "anon-1")
    # A block of offsets is read whole: in that of the next run is nothing of the visitor.
    send("user-0", FIRST_DAY + timedelta(hours=2), None, missing=OFFSET_BLOCK)
    stream.read_all(stream.readers("g"))
    signed_in = Step(stream.taken(), Run("whole", full_refresh=True))
    for number in range(MOST_A_DAY + 1):  # so nothing but the quarantine touches the visitor
        send("user-0", FIRST_DAY + timedelta(days=5, seconds=number), None)
    stream.read_all(stream.readers("g"))
    problem = judge.problem(Cut(0, "utc", [signed_in, Step(stream.taken(), Run("whole"))]))
    if problem:
        pytest.fail(problem, pytrace=False)
