"""What a campaign prints and writes. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from chaos.run import Recovery, Result


def progress(result: Result, runs: int, done: int) -> str:
    """One line about a run."""
    head = f"run {result.schedule.run} ({done} of {runs})"
    if result.problem:
        return f"{head}: BROKEN after {len(result.recoveries)} faults: {result.problem.splitlines()[0]}"
    worst = max(result.recoveries, key=lambda one: one.caught_up_seconds)
    counts = result.counts
    return (
        f"{head}: {len(result.recoveries)} faults, {counts['records']:,} records = {counts['events']:,} events, "
        f"{counts['conflicts']} conflicts, {counts['dead']:,} dead letters, repeats aside; "
        f"slowest {worst.caught_up_seconds:.1f} s ({worst.fault}); {result.seconds:.0f} s"
    )


def failure(result: Result) -> str:
    """All that is needed to look at a broken run and to repeat it alone."""
    plan = result.schedule
    return f"{result.problem}\n\n{plan}\nRepeat it alone: make chaos SEED={plan.seed} RUN={plan.run}"


def summary(results: Sequence[Result], planned: int) -> str:
    """How much was done, what was broken, and the table of all faults."""
    recoveries = [one for result in results for one in result.recoveries]
    broken = [str(result.schedule.run) for result in results if result.problem]
    verdict = f"BROKEN in {len(broken)}: {', '.join(broken)}" if broken else "no promise was broken"
    return f"{len(recoveries)} faults in {len(results)} of {planned} runs; {verdict}\n{table(recoveries)}"


def table(recoveries: Sequence[Recovery]) -> str:
    """Faults per kind, and median and worst recovery of those that came without another, as a Markdown table."""
    by_kind: dict[str, list[Recovery]] = defaultdict(list)
    for one in recoveries:
        by_kind[one.fault].append(one)
    lines = [
        "| fault | times (alone) | first commit, median | worst | all that waited stored, median | worst |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in sorted(by_kind.items()):
        lone = [one for one in each if not one.together]
        first, whole = [one.first_commit_seconds for one in lone], [one.caught_up_seconds for one in lone]
        figures = " | ".join(
            f"{summed(times):.1f} s" if times else "-" for times in (first, whole) for summed in (median, max)
        )
        lines.append(f"| `{name}` | {len(each)} ({len(lone)}) | {figures} |")
    return "\n".join(lines)


def document(seed: int, results: Sequence[Result]) -> str:
    """The campaign as JSON: totals, and every recovery."""
    whole: dict[str, Any] = {
        "seed": seed,
        "runs": len(results),
        "broken": [result.schedule.run for result in results if result.problem],
        "faults": sum(len(result.recoveries) for result in results),
        "seconds": round(sum(result.seconds for result in results)),
        "counts": {
            name: sum(result.counts.get(name, 0) for result in results)
            for name in ("records", "events", "conflicts", "dead", "read")
        },
        "recoveries": [{"run": result.schedule.run, **asdict(one)} for result in results for one in result.recoveries],
    }
    return json.dumps(whole, indent=1) + "\n"
