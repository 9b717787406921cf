"""`python -m broken [NAME…]`: breaks Pulse on purpose, one mutation after the other, and runs the tests that see it.

Exits with 1 if one of them saw nothing. Minutes each, on the tests' kind cluster, which is used if it runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from broken.mutations import MUTATIONS, STORY
from kit.break_by_break import chosen, judged
from kit.breaking import Mutation, broken_copy, failed_tests

CHECKOUT = Path(__file__).parents[2]
LIMIT_SECONDS = 1200


def main(words: list[str]) -> int:
    """Runs the mutations that are named, or all; the exit code."""
    return judged(chosen(words, "python -m broken", __doc__, MUTATIONS), _is_seen)


def _is_seen(mutation: Mutation) -> bool:
    print(f"{mutation.name}: {mutation.means}", flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        copy, report = Path(home) / "pulse", Path(home) / "report.xml"
        broken_copy(CHECKOUT, mutation, copy)
        output = _run(copy, report, mutation)
        failed = failed_tests(report)
    seen = set(mutation.catches) <= failed
    verdict = f"seen by {', '.join(sorted(failed))}" if seen else f"not seen; what failed: {sorted(failed)}\n{output}"
    print(f"  {verdict}, after {time.monotonic() - start:.0f} s", flush=True)
    return seen


def _run(copy: Path, report: Path, mutation: Mutation) -> str:
    words = [sys.executable, "-m", "pytest", "-o", "pythonpath=tests k8s-tests", f"--junitxml={report}", "-q"]
    # A test that is cut off would pass for one that noticed: a cluster and its images may have to be built first.
    words += ["-o", "timeout=0", "-o", "faulthandler_timeout=0"]
    tests = [f"{STORY}::{name}" for name in mutation.catches]
    done = subprocess.run(
        [*words, *tests], cwd=copy, check=False, capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    return done.stdout[-4000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
