"""However a history is cut into runs, the tables are those of a full refresh, and the marts those of the rules."""

from __future__ import annotations

import pytest

from .cutting import SEEDS, cut
from .exactness import Judge


@pytest.mark.integration
@pytest.mark.parametrize("seed", SEEDS, ids="seed_{}".format)
def test_the_tables_are_those_of_a_full_refresh_and_the_marts_those_of_the_rules(judge: Judge, seed: int) -> None:
    problem = judge.problem(cut(seed))
    if problem:
        pytest.fail(problem, pytrace=False)
