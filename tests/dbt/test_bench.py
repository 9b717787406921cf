"""The benchmark measures what it says it measures; a small run of it, whose figures mean nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import warehouse

pytestmark = pytest.mark.integration

SECONDS = 600


def test_a_small_benchmark_counts_every_event_and_fills_every_column(tmp_path: Path) -> None:
    words = ["--events", "20000", "--visitors", "600", "--days", "10", "--batch", "500"]
    ran = subprocess.run(
        [sys.executable, "-m", "bench.dbt", *words, "--json", str(tmp_path / "found.json")],
        cwd=warehouse.ROOT,
        env={**os.environ, "PYTHONPATH": str(warehouse.ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode in (0, 1), ran.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    missed = [line["what"] for line in found["lines"] if line["is_missed"]]
    assert ran.returncode == bool(missed)
    assert ran.stdout.count("**missed**") == len(missed)

    half, whole = found["stages"]
    assert half["events"] == pytest.approx(10_000, rel=0.1)
    assert whole["events"] == pytest.approx(20_000 + 3 * 500, rel=0.1)
    for stage in (half, whole):
        assert len(stage["batches"]) == 3
        for run in (stage["refresh"], *stage["batches"]):
            assert 0 < run["starting_seconds"] < run["seconds"]
            by_model = run["sql_seconds_by_model"]
            assert {"int_new_events", "int_events_sessionized", "fct_sessions"} <= set(by_model)
            assert 0 < sum(by_model.values()) + sum(run["sql_seconds_by_test"].values()) <= run["sql_seconds"]
    assert {size["name"] for size in found["sizes"]} >= {"events", "int_events_sessionized"}
    assert {"int_new_events", "int_events_sessionized"} <= {plan["name"] for plan in found["plans"]}
