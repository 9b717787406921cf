"""The results as data and as a table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.consumer.behaviour import Line
from bench.consumer.contenders import Contender
from bench.consumer.measure import Parity, Rate

LIMIT = "limit: COPY alone"


def as_data(
    machine: str,
    asked: Mapping[str, Any],
    rates: Mapping[Contender, Sequence[Rate]],
    parities: Mapping[Contender, Parity],
    behaviour: Sequence[Line],
) -> dict[str, Any]:
    """All that was measured, to be kept as JSON."""
    limit = next((median_rate(runs) for one, runs in rates.items() if one.name == LIMIT), None)
    return {
        "machine": machine,
        "asked": dict(asked),
        "contenders": [
            {
                "name": one.name,
                "note": one.note,
                "safe": one.safe,
                "median_rows_per_second": median_rate(runs),
                "of_the_limit": median_rate(runs) / limit if limit else None,
                "runs": [run.as_data() for run in runs],
                "parity": _parity_data(parities.get(one)),
            }
            for one, runs in rates.items()
        ],
        "behaviour": [{"what": what, "measured": measured} for what, measured in behaviour],
    }


def median_rate(runs: Sequence[Rate]) -> float:
    """The median of the runs' rows per second."""
    return median(run.rows_per_second for run in runs)


def _parity_data(parity: Parity | None) -> dict[str, Any] | None:
    if parity is None:
        return None
    again = parity.again
    return {
        "rows": parity.fresh.rows,
        "digest": parity.fresh.digest,
        "seconds": parity.fresh_seconds,
        "unchanged_by_reading_again": None if again is None else again == parity.fresh,
        "seconds_again": parity.again_seconds if again else None,
    }


def table(data: Mapping[str, Any]) -> str:
    """A Markdown table, a line for each contender."""
    lines = [
        "| sink | rows/s, median (all runs) | of the limit | core-s per 1 M: sink, Postgres | peak MiB | "
        "read twice: rows, time beside the first |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    return "\n".join(lines + [_line(one) for one in data["contenders"]])


def _line(one: Mapping[str, Any]) -> str:
    runs = one["runs"]
    each = ", ".join(f"{run['rows_per_second'] / 1000:.0f}k" for run in runs)
    share = "" if one["of_the_limit"] is None else f"{one['of_the_limit']:.2f}"
    cores = ", ".join(
        f"{median(run[key] for run in runs):.1f}"
        for key in ("sink_core_seconds_per_million", "postgres_core_seconds_per_million")
    )
    name = f"{one['name']} ({one['note']})" if one["note"] else one["name"]
    peak = max(run["peak_mib"] for run in runs)
    return (
        f"| {name} | {one['median_rows_per_second']:,.0f} ({each}) | {share} | {cores} | {peak:.0f} | {_twice(one)} |"
    )


def _twice(one: Mapping[str, Any]) -> str:
    parity = one["parity"]
    if parity is None:
        return "not read"
    if parity["unchanged_by_reading_again"] is None:
        return f"{parity['rows']:,}, not safe to read twice" if one["note"] else f"{parity['rows']:,}"
    same = "unchanged" if parity["unchanged_by_reading_again"] else "CHANGED"
    return f"{parity['rows']:,} {same}, {parity['seconds_again'] / parity['seconds']:.2f}"


def behaviour_table(data: Mapping[str, Any]) -> str:
    """A Markdown table of what was measured of Pulse alone."""
    lines = [f"| {one['what']} | {one['measured']} |" for one in data["behaviour"]]
    return "\n".join(["| Pulse alone | measured |", "| --- | --- |", *lines])
