"""The edges of a batch at which a test can have this process killed: `PULSE_FAILPOINT=name[:n]`. Off in production.

Every edge is passed once a batch or less, never once a record, so that an unset one costs a call that returns at once.
"""

from __future__ import annotations

import os
import re
import signal
from enum import Enum

from pulse.errors import SettingsError


class Edge(Enum):
    """Where a crash leaves something half done. The values are the names that the setting takes."""

    CONSUMED = "consumed"  # records are read and not decoded
    DECODED = "decoded"  # a batch is full and not handed over to the writer
    COPIED = "copied"  # rows are in the stage, or straight in raw.events if all are new
    INSERTED = "inserted"  # rows are in raw.events and in no ledger
    BURIED = "buried"  # dead letters are acknowledged on their topic and not in raw.dead_letters
    ACCOUNTED = "accounted"  # ledgers and offsets are written and not committed
    COMMITTED = "committed"  # Postgres has committed and Kafka was not told
    TOLD = "told"  # Kafka was told of the commit
    TAKEN = "taken"  # partitions are taken over in the database and not assigned in the client
    FLUSHED = "flushed"  # what was read of revoked partitions is written, and they are not given back


_PATTERN = re.compile(r"([a-z]+)(?::([1-9][0-9]{0,8}))?")

# The one edge that kills, with the passages until it does; empty in production.
_armed: dict[Edge, int] = {}


def arm(text: str) -> None:
    """Has `passed` kill this process at the n-th passage of the edge that `name[:n]` names; none if `text` is empty.

    SettingsError for any other text; it names the edges.
    """
    _armed.clear()
    if not text:
        return
    match = _PATTERN.fullmatch(text)
    names = [edge.value for edge in Edge]
    if match is None or match[1] not in names:
        raise SettingsError(
            f"PULSE_FAILPOINT: {text!r} is not accepted, it takes name or name:n with one of the names "
            f"{', '.join(names)}. It is for tests only: unset it elsewhere."
        )
    _armed[Edge(match[1])] = int(match[2] or 1)


def passed(edge: Edge) -> None:
    """Marks a passage. Returns at once unless this edge is armed; at the last passage it does not return."""
    if edge in _armed:
        _armed[edge] -= 1
        if _armed[edge] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
