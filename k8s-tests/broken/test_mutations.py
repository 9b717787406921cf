"""That each mutation fits the code of today and breaks nothing but what it means to, and that the page names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from broken.mutations import MUTATIONS, STORY
from kit.breaking import Mutation, broken_texts

CHECKOUT = Path(__file__).parents[2]
EACH = pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])


@EACH
def test_a_mutation_fits_the_code_and_is_still_python(mutation: Mutation) -> None:
    for name, text in broken_texts(CHECKOUT, mutation).items():
        compile(text, name, "exec")
        assert text != (CHECKOUT / name).read_text()


@EACH
def test_the_tests_that_have_to_see_it_exist(mutation: Mutation) -> None:
    there = set(re.findall(r"^def (\w+)", (CHECKOUT / STORY).read_text(), re.MULTILINE))
    assert mutation.catches
    assert set(mutation.catches) <= there


@EACH
def test_the_page_says_which_test_sees_it(mutation: Mutation) -> None:
    rows = [
        line
        for line in (CHECKOUT / "docs" / "failure-modes.md").read_text().splitlines()
        if f"`{mutation.name}`" in line
    ]
    assert len(rows) == 1, f"docs/failure-modes.md has {len(rows)} rows about {mutation.name}"
    assert mutation.means in rows[0]
    assert all(f"`{name}`" in rows[0] for name in mutation.catches)
