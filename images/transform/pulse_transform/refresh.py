"""Whether every mart has to be built anew from all events, and why. Pure.

An incremental run adds to what is there. So all of that has to come of the same settings and the same models, and of
one run of all of them with what failed runs added since.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ASKED = "it was asked for"
FIRST = "no run of all models has succeeded yet"
UNFINISHED = "a full refresh was begun since the last run of all models that succeeded, and is not known to be whole"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run went by, or is about to."""

    variables: Mapping[str, object]
    vars_hash: str
    project_hash: str | None
    full_refresh: bool = False


def need(runs: Sequence[Terms], now: Terms) -> str | None:
    """Why a run on the terms `now` cannot add to what is there; None if it can.

    `runs` are the last run of all models that succeeded, if there is one, and those that were begun since.
    """
    if not runs:
        return FIRST
    for before in reversed(runs):
        if before.vars_hash != now.vars_hash:
            return f"settings have changed: {', '.join(_changed(before.variables, now.variables))}"
        if before.project_hash != now.project_hash:
            return "the models have changed"
    return UNFINISHED if any(before.full_refresh for before in runs[1:]) else None


def _changed(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def with_all_above(select: Sequence[str]) -> tuple[str, ...]:
    """The selection with all that lies above it.

    A model that is built anew has to be built from all events, and some that lie above it hold those of the last run.
    """
    return tuple(",".join(_with_all_above(part) for part in word.split(",")) for word in select)


def _with_all_above(part: str) -> str:
    """`@` means them already; `+`, or `2+` for two steps of them, stands before what is meant."""
    return part if part.startswith("@") else "+" + re.sub(r"^\d*\+", "", part)
