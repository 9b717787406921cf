"""Whether the tests that a mutation names fail on a copy of the checkout in which it was carried out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from kit.breaking import Mutation, failed_tests

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
    "sdk",
)
LIMIT_SECONDS = 1_200


def environment(copy: Path) -> dict[str, str]:
    """That of a process that takes its code from the copy, and not from where the packages are installed."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(str(copy / name) for name in (*MEMBERS, "tests"))}


def said_by(copy: Path, *words: str) -> str:
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


def not_noticed_by_tests(copy: Path, mutation: Mutation) -> list[str]:
    """A line for each test that the mutation names and that passes on the copy all the same."""
    report = copy / "report.xml"
    said = said_by(copy, "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *mutation.catches)
    failed = failed_tests(report)
    passed = [name for name in mutation.catches if name.split("::")[1] not in failed]
    print(f"  {len(mutation.catches) - len(passed)} of {len(mutation.catches)} tests failed", flush=True)
    return [f"by {name}\n{said[-2_000:]}" for name in passed]
