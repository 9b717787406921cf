"""dbt once, and again for what failed only because of what others did in the same tables at that moment.

Decides when to stop trying; how dbt is started and read is `process`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from structlog.stdlib import BoundLogger

from pulse_transform.process import DbtOutcome, Words
from pulse_transform.results import NodeResult, may_succeed_again, merged, node_results, source_results

MOST = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all attempts came to together. `errors` are dbt's own words in the last."""

    exit_code: int
    results: Sequence[NodeResult]
    errors: tuple[str, ...]
    dbt_version: str | None
    starting_seconds: float


def made(
    first: Sequence[Words], again: Sequence[Words], run: Callable[[Sequence[Words]], DbtOutcome], log: BoundLogger
) -> Outcome:
    """The first attempt, and up to two more while all that failed may succeed in the next."""
    outcome = _outcome(run(first))
    for attempt in range(2, MOST + 1):
        if not may_succeed_again(outcome.results):
            break
        failed = [result for result in outcome.results if result.is_failed]
        log.warning(
            "transform_retried",
            attempt=attempt,
            nodes=[f"{result.kind} {result.name}" for result in failed],
            message=failed[0].message,
        )
        outcome = _both(outcome, _outcome(run(again)))
    return outcome


def _outcome(done: DbtOutcome) -> Outcome:
    built = node_results(done.results) if done.results else []
    version = done.results["metadata"]["dbt_version"] if done.results else None
    results = [*source_results(done.sources), *built]
    return Outcome(done.exit_code, results, done.errors, version, done.starting_seconds)


def _both(before: Outcome, after: Outcome) -> Outcome:
    return Outcome(
        after.exit_code,
        merged(before.results, after.results),
        after.errors,
        after.dbt_version or before.dbt_version,
        before.starting_seconds + after.starting_seconds,
    )
