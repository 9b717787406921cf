"""`python -m chaos.broken [NAME…]`: breaks the consumer on purpose, one promise after the other, and sees it noticed.

Each mutation is carried out on a copy of the checkout; the tests that it names have to fail there, and the campaign
with the faults that it names has to say so. A minute or two each. Exits with 1 if something was not noticed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kit.break_by_break import chosen, judged
from kit.breaking import broken_copy, failed_tests

from chaos.mutations import BROKEN_PROMISES, BrokenPromise

CHECKOUT = Path(__file__).parents[2]
MEMBERS = (
    "core",
    "operator",
    "images/consumer",
    "images/collector",
    "images/simulator",
    "images/transform",
    "images/dashboards",
    "local",
)
LIMIT_SECONDS = 1_200


def main(words: Sequence[str]) -> int:
    """Breaks the promises that are named, or all; the exit code."""
    promises = {one.mutation: one for one in BROKEN_PROMISES}
    wanted = chosen(words, "python -m chaos.broken", __doc__, list(promises))
    return judged(wanted, lambda one: _is_noticed(promises[one]))


def environment(copy: Path) -> dict[str, str]:
    """That of a process that takes its code from the copy, and not from where the packages are installed."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(str(copy / name) for name in (*MEMBERS, "tests"))}


def _is_noticed(promise: BrokenPromise) -> bool:
    print(f"{promise.mutation.name}: {promise.mutation.means}", flush=True)
    with tempfile.TemporaryDirectory() as home:
        copy = Path(home) / "pulse"
        broken_copy(CHECKOUT, promise.mutation, copy)
        missed = _by_tests(copy, promise) + _by_campaign(copy, promise)
    for line in missed:
        print(f"  NOT NOTICED {line}", flush=True)
    return not missed


def _by_tests(copy: Path, promise: BrokenPromise) -> list[str]:
    report = copy / "report.xml"
    done = _run(copy, "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *promise.mutation.catches)
    failed = failed_tests(report)
    passed = [name for name in promise.mutation.catches if name.split("::")[1] not in failed]
    print(
        f"  {len(promise.mutation.catches) - len(passed)} of {len(promise.mutation.catches)} tests failed", flush=True
    )
    return [f"by {name}\n{done[-2_000:]}" for name in passed]


def _by_campaign(copy: Path, promise: BrokenPromise) -> list[str]:
    if not promise.faults:
        return []
    words = ["--seed=1", "--run=0", f"--faults={len(promise.faults)}", "--kinds", *promise.faults]
    said = _run(copy, "chaos", *words)
    found = re.search(r"BROKEN after \d+ faults: (.*)", said)
    print(f"  the campaign said: {found[1][:200] if found else 'nothing'}", flush=True)
    return [] if found and re.search(promise.says, found[1]) else [f"by the campaign\n{said[-2_000:]}"]


def _run(copy: Path, *words: str) -> str:
    """Runs a module of the copy's environment on the copy's code, and returns what it said."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=copy,
        env=environment(copy),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
