"""What a dbt run came to, read from its run_results.json.

Pure. It judges nothing about the data: a node succeeded, failed, warned or was skipped because dbt says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FAILED = frozenset({"error", "fail", "runtime error", "partial success"})


@dataclass(frozen=True, slots=True)
class NodeResult:
    """One model or test of a run."""

    unique_id: str
    status: str
    seconds: float
    rows_affected: int | None
    failures: int | None
    message: str | None

    @property
    def kind(self) -> str:
        """`model`, `test` or another of dbt's kinds of node."""
        return self.unique_id.partition(".")[0]

    @property
    def name(self) -> str:
        """The name that the model's or test's author gave it."""
        return self.unique_id.split(".")[2]

    @property
    def is_failed(self) -> bool:
        return self.status in _FAILED


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
