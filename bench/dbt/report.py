"""The results as data, as tables and as a verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.dbt.plans import Plan
from bench.dbt.warehouse import Ran

REFRESH_SECONDS, BATCH_SECONDS, MAU_SECONDS, GROWTH = 300.0, 10.0, 2.0, 1.3
_MAU = "fct_engagement_daily"
# What a table of models and tests leaves out: all that takes less than this of a batch, and of a full refresh.
_SHOWN_BATCH_SECONDS, _SHOWN_REFRESH_SECONDS = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What was measured with so many events stored."""

    events: int
    days: int
    refresh: Ran
    batches: Sequence[Ran]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure, and the most that it may be; None if it only informs."""

    what: str
    measured: float
    unit: str
    most: float | None = None

    @property
    def is_missed(self) -> bool:
        return self.most is not None and self.measured >= self.most


def lines(half: Stage, whole: Stage, batch_events: int, plans: Sequence[Plan] | None) -> list[Line]:
    """The figures. `plans` is None where tables are so small that reading them whole is right."""
    early, late = (median(run.sql_seconds for run in stage.batches) for stage in (half, whole))
    batch = f"a batch of {batch_events:,} events"
    found = [
        Line(f"full refresh, {whole.events:,} events", whole.refresh.seconds, "s", REFRESH_SECONDS),
        Line(f"{batch}, from end to end", median(run.seconds for run in whole.batches), "s", BATCH_SECONDS),
        Line("of these, dbt's own start", median(run.starting_seconds for run in whole.batches), "s"),
        Line(f"{batch}, SQL, {half.events:,} events before it", early, "s"),
        Line(f"{batch}, SQL, {whole.events:,} events before it", late, "s"),
        Line("growth of the SQL time", late / early, "times", GROWTH),
        Line(f"DAU, WAU, MAU of {whole.days} days anew", whole.refresh.by_model[_MAU], "s", MAU_SECONDS),
        Line(
            "temporary files of the full refresh, at most at one time", _mib(whole.refresh.most_temporary_bytes), "MiB"
        ),
        Line("temporary files of the full refresh, all written", _mib(whole.refresh.temporary_bytes), "MiB"),
        Line(
            f"temporary files of {batch}, all written", _mib(max(run.temporary_bytes for run in whole.batches)), "MiB"
        ),
    ]
    if plans is not None:
        whole_reads = sum(len(plan.whole) for plan in plans)
        found.append(Line("big tables that a batch reads from end to end", whole_reads, "", 1))
    return found


def _mib(size: int) -> float:
    return size / 2**20


def table(found: Sequence[Line]) -> str:
    """A Markdown table of the figures."""
    rows = [
        f"| {line.what} | {line.measured:,.2f} {line.unit} | {_goal(line)} |".replace("  |", " |") for line in found
    ]
    return "\n".join(["| what | measured | goal |", "| --- | ---: | ---: |", *rows])


def _goal(line: Line) -> str:
    if line.most is None:
        return ""
    return f"below {line.most:g}{' **missed**' if line.is_missed else ''}"


def model_table(half: Stage, whole: Stage) -> str:
    """A Markdown table of the SQL seconds of each model, and each test, the slowest of a batch first."""
    columns = [_medians(half.batches), _medians(whole.batches), _seconds(whole.refresh)]
    names = sorted({name for column in columns for name in column}, key=lambda name: -columns[1].get(name, 0.0))
    rows = [
        f"| {name} | " + " | ".join(f"{column.get(name, 0.0):.2f}" for column in columns) + " |"
        for name in names
        if columns[1].get(name, 0.0) >= _SHOWN_BATCH_SECONDS or columns[2].get(name, 0.0) >= _SHOWN_REFRESH_SECONDS
    ]
    heads = (f"batch, {half.events:,} before", f"batch, {whole.events:,} before", "full refresh")
    return "\n".join([f"| SQL seconds | {' | '.join(heads)} |", "| --- | ---: | ---: | ---: |", *rows])


def _medians(runs: Sequence[Ran]) -> dict[str, float]:
    found = [_seconds(run) for run in runs]
    return {name: median(run.get(name, 0.0) for run in found) for name in {name for run in found for name in run}}


def _seconds(run: Ran) -> dict[str, float]:
    """Of models and tests; their names do not meet."""
    return {**run.by_model, **run.by_test}


def size_table(sizes: Sequence[tuple[str, int, int]]) -> str:
    """A Markdown table of tables and their indexes."""
    rows = [f"| {name} | {_mib(table):,.0f} | {_mib(indexes):,.0f} |" for name, table, indexes in sizes]
    return "\n".join(["| MiB | table | indexes |", "| --- | ---: | ---: |", *rows])


def plan_texts(plans: Sequence[Plan], count: int) -> str:
    """The plans of the slowest, and of any that reads a big table whole."""
    shown = [plan for number, plan in enumerate(plans) if number < count or plan.whole]
    return "\n\n".join(f"{plan.name}, {plan.seconds:.2f} s{_whole(plan)}\n{plan.text}" for plan in shown)


def _whole(plan: Plan) -> str:
    return f", reads whole: {', '.join(plan.whole)}" if plan.whole else ""


def as_data(
    machine: str,
    asked: Mapping[str, Any],
    stages: Sequence[Stage],
    found: Sequence[Line],
    sizes: Sequence[tuple[str, int, int]],
    plans: Sequence[Plan],
) -> dict[str, Any]:
    """All that was measured, to be kept as JSON."""
    return {
        "machine": machine,
        "asked": dict(asked),
        "lines": [{**asdict(line), "is_missed": line.is_missed} for line in found],
        "stages": [
            {
                "events": stage.events,
                "days": stage.days,
                "refresh": _run_data(stage.refresh),
                "batches": [_run_data(run) for run in stage.batches],
            }
            for stage in stages
        ],
        "sizes": [{"name": name, "table_bytes": table, "index_bytes": indexes} for name, table, indexes in sizes],
        "plans": [asdict(plan) for plan in plans],
    }


def _run_data(run: Ran) -> dict[str, Any]:
    return {
        "seconds": run.seconds,
        "starting_seconds": run.starting_seconds,
        "sql_seconds": run.sql_seconds,
        "sql_seconds_by_model": run.by_model,
        "sql_seconds_by_test": run.by_test,
        "temporary_bytes": run.temporary_bytes,
        "most_temporary_bytes": run.most_temporary_bytes,
    }
