"""`python -m chaos.broken [NAME…]`: breaks the consumer on purpose, one promise after the other, and sees it noticed.

Each mutation is carried out on a copy of the checkout; the tests that it names have to fail there, and the campaign
with the faults that it names has to say so. A minute or two each. Exits with 1 if something was not noticed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kit.break_by_break import chosen, judged
from kit.breaking import broken_copy
from kit.noticing import CHECKOUT, not_noticed_by_tests, said_by

from chaos.mutations import BROKEN_PROMISES, BrokenPromise


def main(words: Sequence[str]) -> int:
    """Breaks the promises that are named, or all; the exit code."""
    promises = {one.mutation: one for one in BROKEN_PROMISES}
    wanted = chosen(words, "python -m chaos.broken", __doc__, list(promises))
    return judged(wanted, lambda one: _is_noticed(promises[one]))


def _is_noticed(promise: BrokenPromise) -> bool:
    print(f"{promise.mutation.name}: {promise.mutation.means}", flush=True)
    with tempfile.TemporaryDirectory() as home:
        copy = Path(home) / "pulse"
        broken_copy(CHECKOUT, promise.mutation, copy)
        missed = not_noticed_by_tests(copy, promise.mutation) + _by_campaign(copy, promise)
    for line in missed:
        print(f"  NOT NOTICED {line}", flush=True)
    return not missed


def _by_campaign(copy: Path, promise: BrokenPromise) -> list[str]:
    if not promise.faults:
        return []
    words = ["--seed=1", "--run=0", f"--faults={len(promise.faults)}", "--kinds", *promise.faults]
    said = said_by(copy, "chaos", *words)
    found = re.search(r"BROKEN after \d+ faults: (.*)", said)
    print(f"  the campaign said: {found[1][:200] if found else 'nothing'}", flush=True)
    return [] if found and re.search(promise.says, found[1]) else [f"by the campaign\n{said[-2_000:]}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
