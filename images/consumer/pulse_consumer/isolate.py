"""Finds the rows that the database refuses, by halving, over any function that writes some of them or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pulse.errors import Rejection

Item = TypeVar("Item")
Result = TypeVar("Result")


def isolate(
    items: Sequence[Item], write: Callable[[Sequence[Item]], Result]
) -> tuple[list[Result], list[tuple[Item, Rejection]]]:
    """Writes every item that can be written, in order, and returns the results and the items that were refused.

    `write` must be all or nothing and raise Rejection when one of its items is bad. k bad items among n cost about
    k · log2(n) extra writes. Any other error passes through, with nothing decided about any item.
    """
    results: list[Result] = []
    refused: list[tuple[Item, Rejection]] = []
    waiting = [items] if items else []
    while waiting:
        chunk = waiting.pop()
        try:
            results.append(write(chunk))
        except Rejection as why:
            if len(chunk) == 1:
                refused.append((chunk[0], why))
            else:
                middle = len(chunk) // 2
                waiting += [chunk[middle:], chunk[:middle]]
    return results, refused
