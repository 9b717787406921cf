"""Back-dated history: repeatable, in order of arrival, never from the future, and as faulty as it was asked to be."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest

from pulse_simulator.faults import Shares
from pulse_simulator.model import DAY_MS, MINUTE_MS, Shop
from pulse_simulator.records import MALFORMED, REPEATED, Record

DIGEST = """
import hashlib
from pulse_simulator.faults import Shares
from pulse_simulator.history import History
from pulse_simulator.model import Shop
from pulse_simulator.records import Scribe
shop, shares = Shop(7), Shares(0.08, 0.05, 0.06, 0.04)
digest = hashlib.sha256()
for batch in History(Scribe(shop, 60, shares), shares, 7, 60, 6, 1_780_000_123_456):
    for record in batch:
        digest.update(repr(record).encode())
print(digest.hexdigest())
"""


def _flat(batches: list[list[Record]]) -> list[Record]:
    return [record for batch in batches for record in batch]


def _digest(records: list[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        digest.update(repr(record).encode())
    return digest.hexdigest()


def _documents(records: list[Record]) -> list[dict[str, Any]]:
    return [json.loads(record[2] or b"") for record in records if record[3] >= 0]


def test_the_same_seed_and_end_give_the_same_bytes_in_another_process(make_history: Any) -> None:
    here = _digest(_flat(make_history(seed=7)))
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == here


def test_another_seed_gives_other_events(make_history: Any) -> None:
    ids = [{document["event_id"] for document in _documents(_flat(make_history(seed=seed)))} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_nothing_happens_or_arrives_after_the_end(make_history: Any) -> None:
    end_ms = 1_780_000_123_456
    good = [record for record in _flat(make_history(end_ms=end_ms)) if record[3] >= 0]
    assert max(record[7] for record in good) <= end_ms
    assert max(record[5] for record in good) > end_ms - 60 * MINUTE_MS
    assert min(record[5] for record in good) >= end_ms - 6 * DAY_MS


def test_without_disorder_events_are_sent_in_the_order_of_their_arrival(make_history: Any) -> None:
    arrivals = [record[7] for record in _flat(make_history(shares=Shares(late=0.1)))]
    assert arrivals == sorted(arrivals)


def test_with_disorder_some_events_are_sent_out_of_that_order(make_history: Any) -> None:
    arrivals = [record[7] for record in _flat(make_history(users=500, days=2, shares=Shares(disorder=0.1)))]
    overtaken = sum(after < before for before, after in pairwise(arrivals))
    assert 0.05 < overtaken / len(arrivals) < 0.15


def test_the_shares_are_the_ones_that_were_asked_for(make_history: Any) -> None:
    records = _flat(make_history(users=2000, days=4, shares=Shares(0.05, 0.03, 0.1, 0.02)))
    good = [record for record in records if record[3] >= 0]
    late = sum(record[7] - record[5] > 5 * MINUTE_MS for record in good)
    assert late / len(good) == pytest.approx(0.05, rel=0.15)
    assert sum(record[3] == REPEATED for record in records) / len(good) == pytest.approx(0.03, rel=0.15)
    assert sum(record[3] == MALFORMED for record in records) / len(good) == pytest.approx(0.02, rel=0.15)


def test_no_event_is_near_the_limit_of_lateness(make_history: Any) -> None:
    delays = [record[7] - record[5] for record in _flat(make_history()) if record[3] >= 0]
    assert not [delay for delay in delays if 4 * MINUTE_MS < delay < 6 * MINUTE_MS]


def test_without_faults_there_are_none(make_history: Any) -> None:
    records = _flat(make_history(shares=Shares()))
    assert all(record[3] >= 0 for record in records)
    assert all(record[7] - record[5] < 5 * MINUTE_MS for record in records)


def test_a_repeat_is_the_same_bytes_under_the_same_key_and_never_comes_first(make_history: Any) -> None:
    seen: set[tuple[bytes, bytes | None]] = set()
    at_once = later = 0
    before: Record | None = None
    for record in _flat(make_history()):
        if record[3] == REPEATED:
            assert (record[1], record[2]) in seen
            if before is not None and before[2] == record[2]:
                at_once += 1
            else:
                later += 1
        elif record[3] >= 0:
            assert (record[1], record[2]) not in seen
            seen.add((record[1], record[2]))
        before = record
    assert at_once > 0
    assert later > 0


def test_visits_are_those_of_a_shop(make_history: Any) -> None:
    documents = _documents(_flat(make_history(users=500, days=7)))
    known = {"page_view", "product_view", "search", "add_to_cart", "remove_from_cart", "checkout", "payment"}
    known |= {"button_click", "form_submit", "video_play"}
    types = {document["event_type"] for document in documents}
    assert types > known
    custom = [document for document in documents if document["event_type"] not in known]
    assert all(document["properties"] for document in custom)
    assert 0.07 < len(custom) / len(documents) < 0.13
    origins = [document for document in documents if "context" in document.get("properties", {})]
    assert any("utm" in document["properties"]["context"] for document in origins)
    assert 0.03 < len(origins) / len(documents) < 0.2
    for optional in ("anonymous_id", "session_id", "funnel_step_index"):
        present = sum(optional in document for document in documents if document["event_type"] == "page_view")
        assert 0 < present < sum(document["event_type"] == "page_view" for document in documents)
    payments = [document for document in documents if document["event_type"] == "payment"]
    assert payments
    assert all(document["funnel_complete"] is True for document in payments)


def test_people_come_back_some_far_more_often_than_others_and_more_by_day(make_history: Any) -> None:
    records = [record for record in _flat(make_history(users=400, days=28, shares=Shares())) if record[3] >= 0]
    days: dict[int, set[int]] = {}
    for record in records:
        days.setdefault(record[4], set()).add(record[5] // DAY_MS)
    frequency = sorted(len(active) for active in days.values())
    assert frequency[len(frequency) // 4] >= 2
    assert frequency[-4] > 3 * frequency[len(frequency) // 2]
    by_hour = [0] * 24
    for record in records:
        by_hour[record[5] % DAY_MS // (60 * MINUTE_MS)] += 1
    assert max(by_hour) > 5 * min(by_hour)


def test_a_month_of_the_usual_population_loads_fast(make_history: Any) -> None:
    events = sum(record[3] >= 0 for record in _flat(make_history(users=2000, days=30, shares=Shares())))
    assert 150_000 < events < 250_000


def test_event_ids_are_version_7_of_the_time_of_the_event(make_history: Any) -> None:
    for record in _flat(make_history()):
        if record[3] >= 0:
            event_id = json.loads(record[2] or b"")["event_id"]
            digits = event_id.replace("-", "")
            assert int(digits[:12], 16) == record[5]
            assert (digits[12], digits[16]) == ("7", "8")


def test_moments_are_numbered_by_their_place() -> None:
    assert [moment.number for moment in Shop(1).moments] == list(range(len(Shop(1).moments)))
