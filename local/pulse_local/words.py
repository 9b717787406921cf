"""Words of the command line as values: what argparse shall refuse by itself."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

HIGHEST_PORT = 65_535


def whole(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """The type of an option that takes a whole number of this range."""

    def parsed(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no whole number") from None
        if number < minimum or (maximum is not None and number > maximum):
            top = f" to {maximum}" if maximum is not None else " or more"
            raise ArgumentTypeError(f"{number} is out of range, it takes {minimum}{top}")
        return number

    return parsed


port = whole(1, HIGHEST_PORT)
