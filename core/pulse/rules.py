"""The rules between fields of a PulsePipeline: each in CEL for the API server, in Python for a file, with one sentence.

The two sides are held equal by `k8s-tests/operator/test_local_checks.py`, which breaks each rule on a real API server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import UNSET

from pulse.env import duration


class Rule(NamedTuple):
    """A CEL rule, and the sentence that is told when it does not hold.

    `holds` says the same of the typed part. It is None where the rule compares with the stored object (`oldSelf`),
    which only the API server has.
    """

    rule: str
    message: str
    holds: Callable[[Any], bool] | None = None


def has(value: object) -> bool:
    """CEL's has(): whether the field is there."""
    return value is not UNSET


def within(name: str, most: str) -> Rule:
    """A duration of more than nothing, and at most `most`; `name` is that of the Python field."""
    first, *others = name.split("_")
    field = first + "".join(word.capitalize() for word in others)
    return Rule(
        f"duration(self.{field}) > duration('0s') && duration(self.{field}) <= duration('{most}')",
        f"{field} must be longer than 0 and at most {most}",
        lambda part: _between(getattr(part, name), most),
    )


def _between(text: str, most: str) -> bool:
    try:
        return duration("0s") < duration(text) <= duration(most)
    except OverflowError:  # the API server cannot hold it either
        return False
