"""`python -m collector.broken [NAME…]`: breaks the collector on purpose, promise by promise, and sees it noticed.

Each mutation is carried out on a copy of the checkout; the tests that it names have to fail there. Half a minute each.
Exits with 1 if something was not noticed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kit.break_by_break import chosen, judged
from kit.breaking import Mutation, broken_copy
from kit.noticing import CHECKOUT, not_noticed_by_tests

from collector.mutations import MUTATIONS


def main(words: Sequence[str]) -> int:
    """Breaks the promises that are named, or all; the exit code."""
    return judged(chosen(words, "python -m collector.broken", __doc__, MUTATIONS), _is_noticed)


def _is_noticed(mutation: Mutation) -> bool:
    print(f"{mutation.name}: {mutation.means}", flush=True)
    with tempfile.TemporaryDirectory() as home:
        copy = Path(home) / "pulse"
        broken_copy(CHECKOUT, mutation, copy)
        missed = not_noticed_by_tests(copy, mutation)
    for line in missed:
        print(f"  NOT NOTICED {line}", flush=True)
    return not missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
