"""Amounts of CPU and memory in the one form that the API server stores them in. Pure.

It rewrites "1024Mi" to "1Gi" and "0.5" to "500m"; a manifest in another form would look changed for ever.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)")
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_FINEST = 10**9  # the API server rounds up to billionths


def canonical(text: str) -> str:
    """The same amount as the API server writes it. Takes what the pattern of the spec lets through."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    number, suffix = Fraction(match[1]), match[2]
    if suffix in _BINARY:
        value = _rounded(number * 1024 ** _BINARY[suffix])
        # Small and uneven amounts are written with decimal suffixes, so that nothing is rounded away.
        if value >= 1024 and value.denominator == 1:
            return _shortest(value, 1024, {"": 0, **_BINARY})
        return _shortest(value, 1000, _DECIMAL)
    return _shortest(_rounded(number * Fraction(1000) ** _DECIMAL[suffix]), 1000, _DECIMAL)


def _rounded(value: Fraction) -> Fraction:
    return Fraction(ceil(value * _FINEST), _FINEST)


def _shortest(value: Fraction, base: int, suffixes: dict[str, int]) -> str:
    """The whole number with the largest suffix that leaves it whole."""
    if not value:
        return "0"
    for suffix, power in reversed(suffixes.items()):
        scaled = value / Fraction(base) ** power
        if scaled.denominator == 1:
            return f"{scaled}{suffix}"
    raise AssertionError("billionths are always whole")
