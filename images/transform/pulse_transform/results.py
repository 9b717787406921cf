"""What a dbt run came to, read from its run_results.json and from what the child tells of the sources.

Pure. It judges nothing about the data: a node succeeded, failed, warned or was skipped because dbt says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FAILED = frozenset({"error", "fail", "runtime error", "partial success"})

# dbt's names for a source whose newest row is older than it may be, and for one that it could not read.
_STALE, _UNREADABLE = frozenset({"warn", "error"}), "runtime error"

# What Postgres says with SQLSTATE 40001 and 40P01. dbt hands its words on, and not the code.
_TRANSIENT = ("could not serialize access", "deadlock detected")

# dbt takes the time since the year 1 for the age of a source without a row.
_NEVER_SECONDS = 1000 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class NodeResult:
    """One model or test of a run, or how fresh a source was found; then `age_seconds` is that of its newest row."""

    unique_id: str
    status: str
    seconds: float
    rows_affected: int | None
    failures: int | None
    message: str | None
    age_seconds: float | None = None

    @property
    def kind(self) -> str:
        """`model`, `test`, `source` or another of dbt's kinds of node."""
        return self.unique_id.partition(".")[0]

    @property
    def name(self) -> str:
        """The name that the model's or test's author gave it; schema and table of a source."""
        words = self.unique_id.split(".")
        return ".".join(words[2:]) if self.kind == "source" else words[2]

    @property
    def is_failed(self) -> bool:
        """Whether it fails the run; an old source does not."""
        return self.status == _UNREADABLE if self.kind == "source" else self.status in _FAILED

    @property
    def is_stale(self) -> bool:
        """Whether it is a source whose newest row is older than the project allows, or that has none."""
        return self.kind == "source" and self.status in _STALE

    @property
    def is_transient(self) -> bool:
        """Whether it failed because of what others did at the same moment, so that another attempt may succeed."""
        return self.is_failed and any(words in (self.message or "") for words in _TRANSIENT)


@dataclass(frozen=True, slots=True)
class Summary:
    """The run in one line."""

    models: int
    tests: int
    skipped: int
    failed: tuple[str, ...]


def node_results(document: Mapping[str, Any]) -> list[NodeResult]:
    """The nodes of a run_results.json, in the order in which they ended."""
    return [_node_result(entry) for entry in document["results"]]


def source_results(entries: Iterable[Mapping[str, Any]]) -> list[NodeResult]:
    """The sources, as the child reports them."""
    return [_source_result(entry) for entry in entries]


def merged(before: Sequence[NodeResult], after: Sequence[NodeResult]) -> list[NodeResult]:
    """What two attempts came to together: of a node that was in both, the later."""
    return list(({result.unique_id: result for result in before} | {each.unique_id: each for each in after}).values())


def may_succeed_again(results: Sequence[NodeResult]) -> bool:
    """Whether something failed, and nothing that would fail in the next attempt just the same."""
    failed = [result for result in results if result.is_failed]
    return bool(failed) and all(result.is_transient for result in failed)


def _source_result(entry: Mapping[str, Any]) -> NodeResult:
    age = entry.get("age")
    return NodeResult(
        unique_id=entry["unique_id"],
        status=entry["status"],
        seconds=entry["execution_time"],
        rows_affected=None,
        failures=None,
        message=entry["message"],
        age_seconds=None if age is None or age > _NEVER_SECONDS else age,
    )


def _node_result(entry: Mapping[str, Any]) -> NodeResult:
    is_model = entry["unique_id"].startswith("model.")
    rows = entry["adapter_response"].get("rows_affected") if is_model else None
    return NodeResult(
        unique_id=entry["unique_id"],
        status=entry["status"],
        seconds=entry["execution_time"],
        # dbt-postgres answers -1 where there is no such number, as for a view.
        rows_affected=rows if isinstance(rows, int) and rows >= 0 else None,
        failures=entry["failures"],
        message=entry["message"],
    )


def summary(results: Sequence[NodeResult]) -> Summary:
    """Counts of what ran, and the names of what failed."""
    ran = [result for result in results if result.status != "skipped"]
    return Summary(
        models=sum(result.kind == "model" for result in ran),
        tests=sum(result.kind == "test" for result in ran),
        skipped=len(results) - len(ran),
        failed=tuple(f"{result.kind} {result.name}" for result in results if result.is_failed),
    )
