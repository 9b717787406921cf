"""What Postgres did for dbt, by the server's own log: each statement, how long it took, and for which model. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

# The server's line_prefix of the local stack, then what log_min_duration_statement writes.
_DONE = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[(\d+)\] (\S+) LOG:  duration: ([\d.]+) ms  statement: (.*)$", re.DOTALL)
# dbt puts a comment in front of what it does for a node.
_NODE = re.compile(r"^\s*/\* (\{.*?\}) \*/\s*", re.DOTALL)
_OURS = "dbt"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of dbt; `node` is the model or test that it is for, "" if it is for none."""

    node: str
    seconds: float
    text: str

    @property
    def kind(self) -> str:
        """`model`, `test` or another of dbt's kinds of node."""
        return self.node.partition(".")[0]

    @property
    def name(self) -> str:
        """The model's or test's name."""
        return self.node.split(".")[2] if self.node else ""


def parsed(lines: Iterable[str]) -> list[Statement]:
    """The statements of dbt in a log, in the order in which they ended."""
    return [found for entry in _entries(lines) if (found := _statement(entry)) is not None]


def _entries(lines: Iterable[str]) -> Iterable[str]:
    """Entries of the log; the lines that follow the first of one begin with a tab."""
    entry: list[str] = []
    for line in lines:
        if entry and not line.startswith("\t"):
            yield "\n".join(entry)
            entry = []
        entry.append(line.removeprefix("\t").rstrip("\n"))
    if entry:
        yield "\n".join(entry)


def _statement(entry: str) -> Statement | None:
    done = _DONE.match(entry)
    if done is None or done[2] != _OURS:
        return None
    comment = _NODE.match(done[4])
    node = json.loads(comment[1]).get("node_id", "") if comment else ""
    text = done[4][comment.end() :] if comment else done[4]
    return Statement(node, float(done[3]) / 1000, text.strip())


def seconds_by_name(statements: Iterable[Statement], kind: str) -> dict[str, float]:
    """How long Postgres worked for each node of a kind (`model`, `test`), by its name; the slowest first."""
    total: dict[str, float] = {}
    for statement in statements:
        if statement.kind == kind:
            total[statement.name] = total.get(statement.name, 0.0) + statement.seconds
    return dict(sorted(total.items(), key=lambda found: -found[1]))
