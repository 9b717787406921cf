"""Each mutation fits the collector of today, is noticed by tests that exist, and is on the page."""

from __future__ import annotations

import re

import pytest
from kit.breaking import Mutation, broken_texts
from kit.noticing import CHECKOUT

from collector.mutations import MUTATIONS

EACH = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
PAGE = CHECKOUT / "docs" / "collector-broken.md"


@EACH
def test_a_mutation_fits_the_code_and_is_still_python(mutation: Mutation) -> None:
    for name, text in broken_texts(CHECKOUT, mutation).items():
        compile(text, name, "exec")
        assert text != (CHECKOUT / name).read_text()


@EACH
def test_the_page_says_by_which_tests_it_is_noticed_and_they_exist(mutation: Mutation) -> None:
    assert mutation.catches
    for name in mutation.catches:
        file, test = name.split("::")
        assert f"def {test.partition('[')[0]}(" in (CHECKOUT / file).read_text()
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{mutation.name}` |")]
    assert len(rows) == 1, f"{PAGE.name} has {len(rows)} rows about {mutation.name}"
    assert mutation.means in rows[0]
    assert set(re.findall(r"`([\w/]+\.py::\w+)", rows[0])) == {name.partition("[")[0] for name in mutation.catches}
