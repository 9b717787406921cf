"""Every malformed record is refused by the contract, every good one accepted, whatever the broker's clock says."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from pulse.errors import Rejection
from pulse.events import EventDecoder
from pulse_simulator import faults, rate
from pulse_simulator.model import HOUR_MS, MINUTE_MS, Shop
from pulse_simulator.records import MALFORMED, REPEATED, Record, Scribe, Visit

COORDINATES = (bytes(16), 0, 0)


def _good_values(batches: list[list[Record]]) -> list[tuple[int, bytes]]:
    return [(record[5], record[2] or b"") for batch in batches for record in batch if record[3] >= 0]


@pytest.mark.parametrize("way", faults.MALFORMED)
def test_a_document_broken_in_this_way_is_refused(way: str, make_history: Any) -> None:
    decoder = EventDecoder()
    for at, good in _good_values(make_history(users=20, days=5))[:100]:
        broken = faults.MALFORMED[way](good)
        assert broken != good
        for kafka_ms in (at, at + 90 * 24 * HOUR_MS):
            with pytest.raises(Rejection):
                decoder.decode(broken, kafka_ms * 1000, *COORDINATES)


def test_every_way_is_used_in_turn(make_history: Any) -> None:
    good = _good_values(make_history())[0][1]
    used = [faults.malformed(serial, good) for serial in range(len(faults.MALFORMED))]
    assert used == [break_(good) for break_ in faults.MALFORMED.values()]
    assert faults.malformed(len(used), good) == used[0]


def test_the_malformed_records_of_a_history_are_refused_and_the_others_accepted(make_history: Any) -> None:
    decoder = EventDecoder()
    fingerprints: dict[bytes, bytes] = {}
    refused = 0
    for batch in make_history():
        for send, _, value, what, *_ in batch:
            if what == MALFORMED:
                refused += 1
                with pytest.raises(Rejection):
                    decoder.decode(value, send * 1000, *COORDINATES)
                continue
            event = decoder.decode(value, send * 1000, *COORDINATES)
            assert (event.event_id in fingerprints) == (what == REPEATED)
            assert fingerprints.setdefault(event.event_id, event.fingerprint) == event.fingerprint
    assert refused > len(faults.MALFORMED)


def test_every_moment_of_the_shop_is_accepted_as_it_was_meant() -> None:
    shop = Shop(3)
    scribe = Scribe(shop, 10, faults.Shares())
    rng = Random(1)
    decoder = EventDecoder()
    at = 1_780_000_000_000
    for moment in shop.moments:
        visit: Visit = scribe.visit(rng, [moment])
        event = decoder.decode(scribe.event(rng, visit, moment, at, at, at, True)[2], at * 1000, *COORDINATES)
        assert (event.event_type, event.page, event.funnel_step_index) == (
            moment.event_type,
            moment.page,
            moment.sent_step,
        )
        assert event.search_query == moment.metadata.get("search_query")
        assert event.product_id == moment.metadata.get("product_id")
        if "price" in moment.metadata:
            assert event.price_cents == round(100 * moment.metadata["price"])
        assert (event.event_us, event.received_us) == (at * 1000, at * 1000)
        assert event.user_id.encode() == visit.key


def test_late_means_at_least_six_minutes_and_at_most_six_hours() -> None:
    rng = Random(1)
    delays = [faults.late_delay_ms(rng) for _ in range(20_000)]
    assert min(delays) >= 6 * MINUTE_MS
    assert max(delays) <= 6 * HOUR_MS


def test_the_rhythm_averages_to_one_and_is_quiet_at_night() -> None:
    week = [rate.intensity(1_780_272_000_000 + hour * HOUR_MS) for hour in range(7 * 24)]
    assert sum(week) / len(week) == pytest.approx(1.0)
    assert week[3] < 0.3 < 1.5 < week[20]


@pytest.mark.parametrize(
    ("asked", "elapsed", "sent", "limit", "due"),
    [
        (10, 1.0, 0, 0, 10),
        (10, 1.05, 10, 0, 0),
        (0.5, 3.9, 1, 0, 0),
        (0.5, 4.0, 1, 0, 1),
        (100, 9, 95, 100, 5),
        (9, -1, 0, 0, 0),
    ],
)
def test_the_rate_is_kept_since_the_start(asked: float, elapsed: float, sent: int, limit: int, due: int) -> None:
    assert rate.due(asked, elapsed, sent, limit) == due
