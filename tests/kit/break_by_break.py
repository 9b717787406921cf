"""The command line of what breaks Pulse on purpose, one mutation after the other: which ones, and the verdict."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from kit.breaking import Mutation


def chosen(words: Sequence[str], prog: str, description: str | None, mutations: Sequence[Mutation]) -> list[Mutation]:
    """The mutations that are named, all if none is. Ends the program with code 2 if one is unknown."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog="\n".join(f"  {one.name}: {one.means}" for one in mutations),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of those below; all if none")
    names = parser.parse_args(words).names
    known = {one.name for one in mutations}
    if unknown := sorted(set(names) - known):
        parser.error(f"{', '.join(unknown)} is none of {', '.join(sorted(known))}")
    return [one for one in mutations if not names or one.name in names]


def judged(mutations: Sequence[Mutation], is_noticed: Callable[[Mutation], bool]) -> int:
    """Asks of each whether it is noticed and says how many were; the exit code: 1 if one was not."""
    missed = [one.name for one in mutations if not is_noticed(one)]
    said = f", not {', '.join(missed)}" if missed else ""
    print(f"{len(mutations) - len(missed)} of {len(mutations)} were noticed{said}")
    return 1 if missed else 0
