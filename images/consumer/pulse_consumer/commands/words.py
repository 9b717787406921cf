"""What subcommands have in common."""

from __future__ import annotations

import sys
from argparse import ArgumentParser


def no_words(_parser: ArgumentParser) -> None:
    """The command is configured by the environment alone."""


def confirmed() -> bool:
    """Whether a person at the terminal says yes; False, with a sentence, where there is no terminal to ask on."""
    if not sys.stdin.isatty():
        print("No terminal to ask on: say --yes.", file=sys.stderr)  # noqa: T201
        return False
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")
