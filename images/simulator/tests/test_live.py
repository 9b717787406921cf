"""Live visits: as many as are due, stamped now, late ones far from the limit."""

from __future__ import annotations

from pulse_simulator.faults import Shares
from pulse_simulator.live import Live
from pulse_simulator.model import MINUTE_MS, Shop
from pulse_simulator.records import MALFORMED, REPEATED, Record, Scribe

NOW_MS = 1_780_000_000_000


def _live(shares: Shares, seed: int = 1, rate: float = 10.0) -> Live:
    return Live(Scribe(Shop(seed), 50, shares), shares, seed, 50, rate)


def _records(live: Live, ticks: int = 400) -> list[Record]:
    out = [record for tick in range(ticks) for record in live.records(NOW_MS + tick * 1000, 10)]
    return out + live.remaining_repeats()


def test_exactly_the_asked_number_of_events_comes_out() -> None:
    records = _records(_live(Shares(0.1, 0.1, 0.1, 0.1)))
    assert sum(record[3] >= 0 for record in records) == 4000


def test_events_happen_now_or_clearly_late() -> None:
    delays = {record[0] - record[5] for record in _records(_live(Shares(late=0.1, disorder=0.2))) if record[3] >= 0}
    assert 0 in delays
    assert any(0 < delay < 3 * MINUTE_MS for delay in delays)
    assert any(delay >= 6 * MINUTE_MS for delay in delays)
    assert not [delay for delay in delays if delay < 0 or 3 * MINUTE_MS < delay < 6 * MINUTE_MS]


def test_live_events_do_not_tell_their_arrival() -> None:
    assert all(b"received_at" not in (record[2] or b"") for record in _records(_live(Shares())))


def test_every_repeat_follows_its_event_and_none_is_forgotten() -> None:
    shares = Shares(duplicate=0.2, malformed=0.05)
    live = _live(shares)
    seen: set[bytes | None] = set()
    repeats = 0
    for record in _records(live):
        if record[3] == REPEATED:
            repeats += 1
            assert record[2] in seen
        elif record[3] != MALFORMED:
            seen.add(record[2])
    assert 0.15 < repeats / 4000 < 0.25
    assert live.remaining_repeats() == []


def test_some_repeats_come_at_once_and_others_only_when_they_are_due() -> None:
    live = _live(Shares(duplicate=0.2))
    first = live.records(NOW_MS, 1000)
    at_once = sum(record[3] == REPEATED for record in first)
    meanwhile = live.records(NOW_MS + MINUTE_MS // 2, 0)
    assert 0 < at_once < 150
    assert meanwhile
    assert all(NOW_MS < record[0] <= NOW_MS + MINUTE_MS // 2 for record in meanwhile)
    assert live.records(NOW_MS + MINUTE_MS, 0)


def test_the_same_seed_and_clock_give_the_same_records() -> None:
    shares = Shares(0.1, 0.1, 0.1, 0.1)
    assert _records(_live(shares)) == _records(_live(shares))
    assert _records(_live(shares)) != _records(_live(shares, seed=2))
