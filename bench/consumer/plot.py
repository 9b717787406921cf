"""Draws a bar for each contender. Runs in the environment of the other sinks: RESULTS.json PLOT.svg."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot


def main() -> None:
    data = json.loads(Path(sys.argv[1]).read_text())
    shown = sorted(data["contenders"], key=lambda one: one["median_rows_per_second"])
    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(shown) + 1))
    colours = ["#888888" if not one["safe"] else "#2a78b8" for one in shown]
    bars = axes.barh(
        [one["name"] for one in shown], [one["median_rows_per_second"] / 1000 for one in shown], color=colours
    )
    axes.bar_label(bars, fmt="%.0fk", padding=3)
    axes.set_xlabel("rows a second (thousands), median; grey: reading again is not safe")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
