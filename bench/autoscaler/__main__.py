"""Prints the comparison and ends with 1 if Pulse's autoscaler is not the better one.

python -m bench.autoscaler [--seeds N] [--scaler pulse|holding|largest]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bench.autoscaler import scalers
from bench.autoscaler.score import Score, Scores, failures, scores
from bench.autoscaler.traces import TRACES, Trace

CANDIDATES = {"pulse": scalers.pulse, "holding": scalers.holding, "largest": scalers.largest}
COLUMNS: tuple[tuple[str, Callable[[Score], float]], ...] = (
    ("drain s", lambda s: s.drain_seconds),
    ("behind s", lambda s: s.behind_seconds),
    ("peak lag k", lambda s: s.peak / 1000),
    ("replica-min", lambda s: s.replica_minutes),
    ("events", lambda s: s.events),
    ("flaps", lambda s: s.flaps),
)


def table(traces: Sequence[Trace], ours: Scores, theirs: Scores, seeds: Sequence[int]) -> str:
    """Means over the seeds, ours / theirs, and the sums."""
    names = " | ".join(name for name, _ in COLUMNS)
    lines = [f"| trace | {names} |", "| --- |" + " ---: |" * len(COLUMNS)]
    sums = [[0.0, 0.0] for _ in COLUMNS]
    for trace in traces:
        cells = []
        for number, (_, of) in enumerate(COLUMNS):
            means = [sum(of(side[trace.name, seed]) for seed in seeds) / len(seeds) for side in (ours, theirs)]
            sums[number] = [total + mean for total, mean in zip(sums[number], means, strict=True)]
            cells.append(_cell(means))
        lines.append(f"| {trace.name} | {' | '.join(cells)} |")
    lines.append(f"| **sum** | {' | '.join(_cell(total) for total in sums)} |")
    return "\n".join(lines)


def _cell(pair: Sequence[float]) -> str:
    return " / ".join(f"{value:,.1f}" if value < 100 and value % 1 else f"{value:,.0f}" for value in pair)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, each with all traces (10)")
    parser.add_argument("--scaler", choices=sorted(CANDIDATES), default="pulse", help="what runs against KEDA + HPA")
    given = parser.parse_args()
    seeds = range(given.seeds)
    ours, theirs = scores(TRACES, CANDIDATES[given.scaler], seeds), scores(TRACES, scalers.keda, seeds)
    print(f"{given.scaler} / KEDA + HPA, means of {given.seeds} seeds, {datetime.now(UTC):%Y-%m-%d}\n")
    print(table(TRACES, ours, theirs, seeds))
    broken = failures(ours, theirs)
    print(
        "\nThe bar is met: no trace drains later, fewer scale events and replica-minutes, no flap."
        if not broken
        else "\nBroken:"
    )
    print("\n".join(f"- {sentence}" for sentence in broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
