"""Each mistake fits the models of today, and the page says that the histories notice it."""

from __future__ import annotations

import pytest
from kit.breaking import Mutation, broken_texts

from . import warehouse
from .mutations import MUTATIONS

PAGE = warehouse.ROOT / "docs" / "exact-marts.md"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mistake_fits_the_models_and_is_on_the_page(mutation: Mutation) -> None:
    for name, text in broken_texts(warehouse.PROJECT, mutation).items():
        assert text != (warehouse.PROJECT / name).read_text()
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{mutation.name}` |")]
    assert len(rows) == 1, f"docs/exact-marts.md has {len(rows)} rows about {mutation.name}"
    assert mutation.means in rows[0]
