"""A recorded run of dbt, carried out again: whole, cut off, with a model that fails, or a few models alone."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import psycopg

from .cutting import Run
from .recording import Built, Recording

# The model that says how far a run reads. What is stored after it is the next run's.
SNAPSHOT = "model.pulse.stg_offset_positions"

# dbt names an index after the time at which it makes it.
_INDEX = re.compile(r'(create (?:unique )?index if not exists\s+")([0-9a-f]{32})"')
_numbers = count()


def replay(connection: psycopg.Connection[Any], recording: Recording, run: Run, meanwhile: Callable[[], None]) -> None:
    """Carries the run out on a connection with autocommit; `meanwhile` is called once behind the model SNAPSHOT.

    dbt replaces a view by dropping it with the views that read it, and makes these again when it comes to them. A run
    that is killed in between leaves them missing, so a model of the next one fails, if that is limited to some.
    """
    chosen = list(_chosen(recording, run))
    number = next(_numbers)
    behind = 1 + max((place for place, built in enumerate(chosen) if built.node == SNAPSHOT), default=-1)
    # Half the time at once: that is when the models have not read the raw tables yet.
    interrupted_at = behind + int(max(0.0, 2 * run.where - 1) * (len(chosen) - behind))
    connection.execute("discard temp")
    left_out: set[str] = set()
    for place, built in enumerate(chosen):
        if place == interrupted_at:
            meanwhile()
        if built.node in left_out:
            continue
        try:
            _build(connection, built, number)
        except psycopg.errors.UndefinedTable as missing:
            if run.kind != "selected" or not _is_of_a_view(missing, recording):
                raise
            left_out |= recording.with_dependents(built.node)
    if interrupted_at >= len(chosen):
        meanwhile()


def _build(connection: psycopg.Connection[Any], built: Built, number: int) -> None:
    for statements in built.transactions:
        with connection.transaction():
            for statement in statements:
                connection.execute(_INDEX.sub(rf'\g<1>i{number}_\g<2>"', statement).encode())


def _is_of_a_view(missing: psycopg.Error, recording: Recording) -> bool:
    said = missing.diag.message_primary or ""
    return any(f'.{built.node.split(".")[-1]}"' in said for built in recording.incremental if built.is_view)


def _chosen(recording: Recording, run: Run) -> Iterator[Built]:
    """The models that the run builds, in some order that dbt may take.

    A run that is killed ends between two of them: what is begun is rolled back.
    """
    builds = _in_some_order(recording.full_refresh if run.full_refresh else recording.incremental, recording, run)
    left_out: set[str] = set()
    if run.kind == "killed":
        builds = builds[: int(run.where * len(builds))]
    elif run.kind == "failed":
        left_out = recording.with_dependents(builds[int(run.where * len(builds))].node)
    elif run.kind == "selected":
        left_out = set(recording.parents) - set(selected(recording, run))
    yield from (built for built in builds if built.node not in left_out)


def _in_some_order(builds: Sequence[Built], recording: Recording, run: Run) -> list[Built]:
    rng, waiting, found = random.Random(run.where), list(builds), list[Built]()
    while waiting:
        left = {built.node for built in waiting}
        found.append(rng.choice([built for built in waiting if not recording.parents[built.node] & left]))
        waiting.remove(found[-1])
    return found


def selected(recording: Recording, run: Run) -> list[str]:
    """The models that a run of this kind is limited to; with all above them if they are built anew.

    Views are no choice: dbt drops those that others are made from along with these.
    """
    rng = random.Random(run.where)
    names = rng.sample(sorted(built.node for built in recording.incremental if not built.is_view), rng.randrange(1, 4))
    return sorted(recording.with_ancestors(names)) if run.full_refresh else names
