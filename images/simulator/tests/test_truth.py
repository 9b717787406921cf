"""The truth equals an independent count of the very bytes that were sent."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kit.recount import recount

from pulse_simulator.daily import ratio
from pulse_simulator.faults import Shares
from pulse_simulator.history import History
from pulse_simulator.ledger import Ledger
from pulse_simulator.live import Live
from pulse_simulator.model import Shop
from pulse_simulator.records import Record, Scribe
from pulse_simulator.truth import SESSION_COLUMNS, Truth

END_MS = 1_780_000_123_456
SHARES = Shares(0.08, 0.05, 0.06, 0.04)


def _told(path: Path, shop: Shop, batches: list[list[Record]], seed: int) -> dict[str, Any]:
    ledger = Ledger()
    for batch in batches:
        ledger.add(batch)
    Truth(ledger, shop.moments, seed).write(path)
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert told.pop("seed") == seed
    assert tuple(told.pop("session_columns")) == SESSION_COLUMNS
    return told


def _recounted(batches: list[list[Record]]) -> dict[str, Any]:
    # The broker's time is the one of the sending; documents of a history tell their arrival themselves.
    return recount((record[2], record[0] * 1000) for batch in batches for record in batch)


@pytest.mark.parametrize(("seed", "users", "days"), [(1, 60, 6), (2, 25, 40), (3, 300, 2), (4, 1, 9), (5, 3, 33)])
def test_the_truth_of_a_history_is_what_its_bytes_say(tmp_path: Path, seed: int, users: int, days: int) -> None:
    shop = Shop(seed)
    batches = list(History(Scribe(shop, users, SHARES), SHARES, seed, users, days, END_MS))
    told = _told(tmp_path / "truth.json", shop, batches, seed)
    assert told["malformed"] > 0
    assert told["late"] > 0
    assert told["duplicates"] > 0
    assert told == _recounted(batches)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_the_truth_of_history_and_live_traffic_is_what_their_bytes_say(tmp_path: Path, seed: int) -> None:
    shop = Shop(seed)
    scribe = Scribe(shop, 40, SHARES)
    batches = list(History(scribe, SHARES, seed, 40, 2, END_MS))
    live = Live(scribe, SHARES, seed, 40, rate=3)
    # Over midnight, and long enough for pauses between sessions.
    batches += [live.records(END_MS + tick * 20_000, tick % 3) for tick in range(4000)]
    batches.append(live.remaining_repeats())
    told = _told(tmp_path / "truth.json", shop, batches, seed)
    # A repeat is sent later than its event, and says so by nothing but the time of its sending.
    assert told == _recounted(batches)


def test_the_truth_of_nothing_is_empty(tmp_path: Path) -> None:
    told = _told(tmp_path / "truth.json", Shop(1), [], 1)
    assert told == recount([])


def test_the_histories_hold_the_cases_on_which_counts_break(tmp_path: Path) -> None:
    shop = Shop(2)
    batches = list(History(Scribe(shop, 25, SHARES), SHARES, 2, 25, 40, END_MS))
    ledger = Ledger()
    for batch in batches:
        ledger.add(batch)
    gaps: Counter[int] = Counter()
    for _, entries in ledger.users():
        gaps.update(after[0] - before[0] for before, after in pairwise(entries))
    assert gaps[30 * 60_000] > 0
    assert gaps[30 * 60_000 + 1] > 0
    assert gaps[0] > 0
    sessions = [dict(zip(SESSION_COLUMNS, row, strict=True)) for row in _recounted(batches)["sessions"]]
    day_us = 86_400_000_000
    assert any(row["started_at_us"] // day_us < row["ended_at_us"] // day_us for row in sessions)
    spans = sorted((row["user_id"], row["started_at_us"], row["ended_at_us"]) for row in sessions)
    cut = [b for a, b in pairwise(spans) if a[0] == b[0] and b[1] - a[2] <= 30 * 60_000_000]
    assert cut, "no chain was cut after 24 hours"
    assert any(a[0] == b[0] and b[1] - a[1] == day_us and b in cut for a, b in pairwise(spans)), "none exactly at 24 h"
    assert any(row["landing_page"] is None for row in sessions)
    assert any(row["furthest_step"] is None for row in sessions)
    assert any(row["ordered_step"] == 4 for row in sessions)
    assert any((row["furthest_step"] or 0) > row["ordered_step"] for row in sessions)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, None),
        (0, 7, "0.00"),
        (1, 3, "33.33"),
        (2, 3, "66.67"),
        (1, 800, "0.13"),
        (1, 1600, "0.06"),
        (9, 9, "100.00"),
    ],
)
def test_ratios_are_rounded_as_postgres_does(part: int, whole: int, text: str | None) -> None:
    assert ratio(part, whole) == text
